#include "engine/ops/index_lowers.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/format/whiteout_names.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/index_file.h"
#include "engine/layer/indexed.h"
#include "engine/layer/object.h"
#include "engine/ops/stat_inode.h"

namespace plyfs {
namespace {

// So many copies are read side by side before they are folded.
constexpr size_t kWave = 128;
// So few that are read from indices are not worth waking anybody for.
constexpr size_t kFewIndexed = 96;

// Reading a lower directory leaves its atime alone (C21).
Result<UniqueFd> OpenToList(const Layer& layer, const LowerPath& path) {
  Result<UniqueFd> fd = layer.OpenAt(path, O_RDONLY | O_DIRECTORY | O_NOATIME);
  if (fd.error() == EPERM) fd = layer.OpenAt(path, O_RDONLY | O_DIRECTORY);  // not the owner
  return fd;
}

// The layer's index has the directory, and as it is now: `fd` is watched if anybody is to know.
std::optional<IndexFile::Directory> StillIndexed(const Parts& parts, const Layer& layer,
                                                 const std::string& path, int fd) {
  std::optional<IndexFile::Directory> dir = layer.index()->Find(path);
  if (!dir) return std::nullopt;
  Result<struct statx> now = sys::StatxFd(fd);
  if (!now.ok()) return std::nullopt;
  const Attr then = dir->itself().attr(), attr = AttrOf(*now);
  const bool same = attr.ino == then.ino && attr.mtime == then.mtime && attr.ctime == then.ctime;
  // Records of the files in it change without a trace in the directory.
  const bool xwhiteouts = HasXwhiteouts(dir->itself(), parts.records.names());
  if (!same || xwhiteouts || layer.index()->Doubtful(attr.mtime)) return std::nullopt;
  return dir;
}

// A layer's copy on its way into the index.  Where it has neither a directory of an index nor a descriptor,
// it holds nothing (any more).
struct Copy {
  Status status;
  UniqueFd fd;
  std::optional<IndexFile::Directory> indexed;
  Coherence::Marking::Marked marked;
  XattrWhiteouts look = XattrWhiteouts::kNowhere;
  // Its names, where they were read ahead of their turn: they stand in `names` one after another.
  struct Entry {
    uint64_t ino;
    uint16_t name_size;
    uint8_t type;
    bool whiteout;
  };
  bool read_ahead = false;
  std::vector<Entry> entries;
  std::string names;

  void Append(const ScannedEntry& e) {
    entries.push_back(Entry{e.ino, static_cast<uint16_t>(e.name.size()), e.type, e.whiteout});
    names += e.name;
  }
};

// One reading of all of them.
class LowerReader {
 public:
  LowerReader(Parts& parts, const Inode& dir, const Reading& reading)
      : parts_(parts), reading_(reading), lowers_(dir.lowers()), held_(parts.held.Take(dir.id())) {
    // The lookup did not look at the lowest.
    known_plain_ = reading.as_seen && dir.seen_copies().no_xwhiteouts;
    const LayerSetRef filled = dir.filled();
    for (size_t i = 0, next = 0; i < lowers_.size(); ++i) {
      if (filled) {
        const std::vector<LayerId>& layers = filled->layers();
        while (next < layers.size() && layers[next] < lowers_.layer(i)) ++next;
        if (next == layers.size()) break;
        if (layers[next] != lowers_.layer(i)) continue;
      }
      to_read_.push_back(i);
    }
    keep_ = reading.keep && std::any_of(to_read_.begin(), to_read_.end(),
                                        [&](size_t i) { return LayerOf(i).trusted_index() == nullptr; });
    if (!keep_) return;
    kept_.resize(lowers_.size());
    size_t held = 0;
    for (size_t i = 0; i < held_.size(); ++i) held += held_.fd(i) >= 0 ? 1 : 0;
    parts.held.Reserve(lowers_.size() - std::min(held, lowers_.size()), &more_);
    keepable_ = held + held_.room() + more_.room();
  }

  Result<std::shared_ptr<const LowerIndex>> Read(bool* xwhiteouts) {
    for (size_t first = 0; first < to_read_.size(); first += kWave) {
      const size_t count = std::min(kWave, to_read_.size() - first);
      std::vector<Copy> copies(count);
      const auto look = [&](size_t i) {
        Copy& copy = copies[i];
        copy.status = Open(to_read_[first + i], &copy);
        if (count == 1) return;  // read in its turn
        if (copy.status.ok()) copy.status = ReadAhead(&copy);
        // At once: with all that are looked at open, a few readers would use up the process's descriptors.
        if (!copy.status.ok() || !copy.fd.valid() || !MayKeepOneMore()) copy.fd.reset();
      };
      if (AreFewIndexed(first, count)) {
        for (size_t i = 0; i < count; ++i) look(i);
      } else {
        parts_.side_by_side.ForEach(count, WaitsFor(to_read_[first]), look);
      }
      for (size_t i = 0; i < count; ++i) {
        Copy copy = std::move(copies[i]);
        PLY_CHECK(Add(to_read_[first + i], copy));
        *xwhiteouts |= copy.look == XattrWhiteouts::kEverywhere;
        if (keep_) kept_[to_read_[first + i]] = std::move(copy.fd);
      }
    }
    KeepCopies();
    return builder_.Build(parts_.tree.layer_sets);
  }

 private:
  void KeepCopies() {
    if (!keep_) return;
    // One room in the place of two.
    held_ = HeldCopies::Lease();
    more_ = HeldCopies::Lease();
    parts_.held.Reserve(kept_.size(), &reading_.keep->copies);
    reading_.keep->copies.Refill(std::move(kept_));
    reading_.keep->layers = lowers_.layers->layers();
  }

  const Layer& LayerOf(size_t i) const { return parts_.stack->lower(lowers_.layer(i)); }

  bool AreFewIndexed(size_t first, size_t count) const {
    const auto at = to_read_.begin() + static_cast<ptrdiff_t>(first);
    return count <= kFewIndexed && std::all_of(at, at + static_cast<ptrdiff_t>(count), [&](size_t i) {
             return LayerOf(i).trusted_index() != nullptr;
           });
  }

  SideBySide::Waits WaitsFor(size_t i) const {
    const FsPace* pace = LayerOf(i).pace();
    return pace && pace->slow() ? SideBySide::Waits::kMostly : SideBySide::Waits::kHardly;
  }

  // Any thread, each of another copy.
  Status Open(size_t i, Copy* copy) {
    const Layer& layer = LayerOf(i);
    std::string path;
    if (layer.index()) path = lowers_.path(i).ToString();
    if (IndexFile* index = layer.trusted_index()) {
      if ((copy->indexed = index->Find(path))) return OkStatus();
    }
    if (held_.size() == lowers_.size()) copy->fd = held_.Take(i);
    if (!copy->fd.valid()) {
      Result<UniqueFd> fd = OpenToList(layer, lowers_.path(i));
      // Removed by hand since the directory was looked up.
      if (fd.error() == ENOENT || fd.error() == ENOTDIR) return OkStatus();
      if (!fd.ok()) return fd.status();
      copy->fd = *std::move(fd);
    }
    if (reading_.marking) copy->marked = reading_.marking->MarkLower(copy->fd.get());
    if (layer.index() && (copy->indexed = StillIndexed(parts_, layer, path, copy->fd.get())))
      return OkStatus();
    if (known_plain_ && i + 1 < lowers_.size()) return OkStatus();
    PLY_TRY(bool said, SaysXattrWhiteouts(copy->fd.get(), parts_.records));
    if (said) copy->look = XattrWhiteouts::kEverywhere;
    return OkStatus();
  }

  // Any thread.
  bool MayKeepOneMore() {
    size_t left = keepable_.load(std::memory_order_relaxed);
    while (left > 0 && !keepable_.compare_exchange_weak(left, left - 1, std::memory_order_relaxed)) {
    }
    return left > 0;
  }

  // Likewise.
  Status ReadAhead(Copy* copy) const {
    if (copy->indexed || !copy->fd.valid()) return OkStatus();
    copy->read_ahead = true;
    return ScanDirectory(copy->fd.get(), parts_.records, copy->look, [&](const ScannedEntry& e) {
      copy->Append(e);
      return copy->entries.size() <= reading_.most_names ? OkStatus() : Status(Errno(kTooMany));
    });
  }

  Status Add(size_t i, const Copy& copy) {
    const Layer& layer = LayerOf(i);
    if (reading_.marking) reading_.marking->Note(copy.marked, &layer);
    if (copy.status.error() == ENOENT) return OkStatus();  // removed since it was opened
    PLY_CHECK(copy.status);
    if (copy.indexed) return AddIndexed(layer, *copy.indexed);
    std::string_view names = copy.names;
    for (const Copy::Entry& e : copy.entries) {
      const std::string_view name = names.substr(0, e.name_size);
      PLY_CHECK(AddEntry(layer, ScannedEntry{name, e.ino, e.type, e.whiteout, Hides(name)}));
      names.remove_prefix(e.name_size);
    }
    if (copy.read_ahead || !copy.fd.valid()) return OkStatus();
    Status scanned = ScanDirectory(copy.fd.get(), parts_.records, copy.look,
                                   [&](const ScannedEntry& e) { return AddEntry(layer, e); });
    return scanned.error() == ENOENT ? OkStatus() : scanned;
  }

  Status AddIndexed(const Layer& layer, const IndexFile::Directory& dir) {
    const XattrNames& names = parts_.records.names();
    const bool xwhiteouts = HasXwhiteouts(dir.itself(), names);
    const bool trusted = layer.trusted_index() != nullptr;
    return layer.index()->Visit(dir, [&](const IndexEntryView& entry) {
      LowerIndexBuilder::Known known;
      known.plain = trusted && !entry.has_records() && !entry.ask_layer();
      known.empty = known.plain && entry.holds_nothing();
      return AddEntry(layer, ScannedOf(entry, names, xwhiteouts), known);
    });
  }

  // If it is a whiteout.
  std::string_view Hides(std::string_view name) const {
    return parts_.records.read_whiteout_names() && IsWhiteoutName(name) ? HiddenBy(name) : name;
  }

  Status AddEntry(const Layer& layer, const ScannedEntry& e, LowerIndexBuilder::Known known = {}) {
    if (e.whiteout) {
      if (!e.hides.empty()) builder_.AddWhiteout(layer.id(), e.hides);
    } else {
      builder_.Add(layer.id(), e.name, e.type, MapIno(parts_, ObjectId{layer.device(), e.ino, 0}), known);
    }
    return builder_.size() <= reading_.most_names ? OkStatus() : Status(Errno(kTooMany));
  }

  Parts& parts_;
  const Reading& reading_;
  const DirLowers lowers_;
  HeldCopies::Lease held_;
  bool known_plain_ = false;
  std::vector<size_t> to_read_;  // of the lower members
  bool keep_ = false;
  HeldCopies::Lease more_;            // room beside that of held_
  std::atomic<size_t> keepable_ = 0;  // so many more, of the room of both
  std::vector<UniqueFd> kept_;        // of all members
  LowerIndexBuilder builder_;
};

}  // namespace

Result<std::shared_ptr<const LowerIndex>> IndexLowers(Parts& parts, const Inode& dir, const Reading& reading,
                                                      bool* xwhiteouts) {
  if (dir.lowers().empty()) return std::shared_ptr<const LowerIndex>();
  for (;;) {
    auto made = LowerReader(parts, dir, reading).Read(xwhiteouts);
    // A layer's index was given up amid it; at the next round the layer itself is read.
    if (made.error() != IndexFile::kGivenUp) return made;
  }
}

}  // namespace plyfs
