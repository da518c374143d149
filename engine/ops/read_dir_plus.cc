#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/layer/held_copies.h"
#include "engine/ops/dir_view.h"
#include "engine/ops/narrow.h"
#include "engine/ops/ops.h"
#include "engine/ops/resolve.h"
#include "engine/ops/stat_inode.h"

namespace plyfs::ops {
namespace {

// The entry as a lookup would give it, its lookup count raised; an empty one (name only) where that is not to
// be had cheaply or fails: the client then looks up what it needs.
Entry Attributes(Parts& parts, const InodeRef& dir, const DirEntry& entry, const ReadCopies* copies) {
  if (entry.name == "." || entry.name == "..") return Entry();
  Name name = Name::Trusted(entry.name);
  const auto known = [&] {
    return parts.tree.dentries.Find(dir->id(), name).state == DentryCache::State::kPresent;
  };
  if (!IsCheap(*dir, ListedName(parts.tree, *dir, name)) && !known()) return Entry();
  Result<InodeRef> inode = Resolve(parts, dir, name, Buying::kNever, copies);
  if (!inode.ok() || !*inode) return Entry();
  parts.tree.inodes.AddLookup(**inode);
  bool kept = false;
  Result<Attr> attr = StatInode(parts, *inode, &kept);
  if (attr.ok()) return MakeEntry(parts, *dir, name, **inode, *attr, kept);
  Forget(parts, (*inode)->id(), 1);
  return Entry();
}

std::shared_ptr<const ReadCopies> CopiesOf(plyfs::OpenDir& dir) {
  MutexLock lock(dir.mu);
  return dir.copies;
}

void DropCopies(plyfs::OpenDir& dir) {
  std::shared_ptr<const ReadCopies> copies;  // closed after the lock
  MutexLock lock(dir.mu);
  copies.swap(dir.copies);
}

// So many are taken from the listing at a time; a client's buffer mostly has room for fewer.
constexpr size_t kBatch = 256;

// Where each look waits for a server.  (For what is answered from memory, and by two processors, handing it
// out costs as much as it brings: measured.)
bool LooksWait(const Parts& parts, const Inode& dir) {
  const DirLowers lowers = dir.lowers();
  const FsPace* pace = lowers.empty() ? nullptr : parts.stack->lower(lowers.layer(0)).pace();
  return pace && pace->slow();
}

// Entries that are given to the client in their order while those behind are looked at side by side.
class Batch {
 public:
  Batch(Parts& parts, const InodeRef& dir, const DirPlusSink& sink)
      : parts_(parts), dir_(dir), sink_(sink), owner_(std::this_thread::get_id()) {}
  ~Batch() {
    for (; given_ < rows_.size(); ++given_) Untell(rows_[given_].attributes);
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  void Add(const DirEntry& entry) {
    rows_.push_back(Row{std::string(entry.name), entry.ino, entry.type, entry.next, Entry()});
  }
  size_t size() const { return rows_.size(); }
  Cookie last() const { return rows_.back().next; }

  // False: the client has room for no more.
  bool Give(const ReadCopies* copies) {
    looked_at_ = std::vector<std::atomic<bool>>(rows_.size());
    parts_.side_by_side.ForEach(rows_.size(), SideBySide::Waits::kMostly, [&](size_t i) {
      if (full_.load(std::memory_order_relaxed)) return;
      rows_[i].attributes = Attributes(parts_, dir_, rows_[i].entry(), copies);
      looked_at_[i].store(true, std::memory_order_release);
      // As soon as it can be, so that nobody looks far beyond what fits.
      if (std::this_thread::get_id() == owner_) GiveWhatIsReady();
    });
    GiveWhatIsReady();
    return !full_;
  }

 private:
  struct Row {
    std::string name;
    uint64_t ino;
    uint32_t type;
    Cookie next;
    Entry attributes;
    DirEntry entry() const { return {name, ino, type, next}; }
  };

  void GiveWhatIsReady() {
    for (; given_ < rows_.size() && looked_at_[given_].load(std::memory_order_acquire); ++given_) {
      if (full_ || !sink_(rows_[given_].entry(), rows_[given_].attributes)) return full_.store(true);
    }
  }

  void Untell(const Entry& entry) const {
    if (entry.node != 0) Forget(parts_, entry.node, 1);
  }

  Parts& parts_;
  const InodeRef& dir_;
  const DirPlusSink& sink_;
  const std::thread::id owner_;
  std::vector<Row> rows_;
  std::vector<std::atomic<bool>> looked_at_;
  size_t given_ = 0;  // the owner's
  std::atomic<bool> full_ = false;
};

// *end: whether nothing of the listing is left.
Status GiveSideBySide(Parts& parts, plyfs::OpenDir& dir, Cookie from, const DirPlusSink& sink, bool* end) {
  for (;;) {
    Batch batch(parts, dir.inode, sink);
    const auto add = [&](const DirEntry& entry) -> Result<bool> {
      batch.Add(entry);
      return batch.size() < kBatch;
    };
    PLY_CHECK(VisitListing(parts, dir, from, add, /*looks=*/true));
    *end = batch.size() == 0 || batch.Give(CopiesOf(dir).get());
    if (!*end || batch.size() < kBatch) return OkStatus();
    from = batch.last();
  }
}

// One by one; `looks` false: names only.
Status GiveInTurn(Parts& parts, plyfs::OpenDir& dir, Cookie from, const DirPlusSink& sink, bool looks,
                  bool* end) {
  bool asked = false;
  std::shared_ptr<const ReadCopies> copies;
  const auto visit = [&](const DirEntry& entry) -> Result<bool> {
    if (looks && !std::exchange(asked, true)) copies = CopiesOf(dir);
    Entry attributes = looks ? Attributes(parts, dir.inode, entry, copies.get()) : Entry();
    bool taken = sink(entry, attributes);
    if (!taken && attributes.node != 0) Forget(parts, attributes.node, 1);
    *end &= taken;
    return taken;
  };
  return VisitListing(parts, dir, from, visit, looks);
}

}  // namespace

Status ReadDirPlus(Parts& parts, const Caller& caller, Handle handle, Cookie from, const DirPlusSink& sink) {
  std::shared_ptr<plyfs::OpenDir> dir = parts.dirs.Find(handle);
  if (!dir) return Errno(EBADF);
  const bool looks = parts.tree.habits.Looks(caller.pid);
  if (!looks) parts.tree.habits.NoteListed(caller.pid, dir->inode->id());
  bool end = true;
  const Status given = looks && LooksWait(parts, *dir->inode)
                           ? GiveSideBySide(parts, *dir, from, sink, &end)
                           : GiveInTurn(parts, *dir, from, sink, looks, &end);
  // Nothing is left to look at.
  if (end) DropCopies(*dir);
  return given;
}

}  // namespace plyfs::ops
