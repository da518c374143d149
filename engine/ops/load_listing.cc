#include "engine/ops/load_listing.h"

#include <dirent.h>
#include <fcntl.h>

#include "absl/container/flat_hash_map.h"
#include "engine/base/bug.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/object.h"
#include "engine/layer/scan.h"
#include "engine/ops/index_lowers.h"
#include "engine/ops/locate.h"
#include "engine/ops/resolve.h"
#include "engine/ops/stat_inode.h"

namespace plyfs {
namespace {

// Of "." and "..", which every listing begins with.
constexpr Cookie kDotCookies = 2;

InodeRef KnownAt(Parts& parts, const Inode& dir, std::string_view name) {
  DentryCache::Found known = parts.tree.dentries.Find(dir.id(), Name::Trusted(name));
  return known.state == DentryCache::State::kPresent ? parts.tree.inodes.Find(known.node) : InodeRef();
}

// Whether lower members may join the directory `entry` of the upper directory `fd`, which is `dir`: by its
// name, or by a redirect, which a hand may have written where no impure mark is (L9, D11).
Result<bool> MayBeMerged(Parts& parts, const Inode& dir, int fd, const ScannedEntry& entry) {
  if (entry.type != DT_DIR) return false;
  if (dir.merged()) return true;
  if (!parts.rules.follow_redirects) return false;
  Result<UniqueFd> child = sys::OpenBeneath(fd, std::string(entry.name).c_str(), O_PATH);
  if (child.error() == ENOENT) return false;
  if (!child.ok()) return child.status();
  PLY_TRY(auto redirect, parts.records.Get(child->get(), Record::kRedirect));
  return redirect.has_value();
}

// A directory that a hand has moved keeps its number, whatever is known of its new name (design.md, "Inode
// numbers").
Result<InodeRef> KnownDirectory(Parts& parts, int fd, const ScannedEntry& entry) {
  Result<struct statx> st = sys::Statx(fd, std::string(entry.name).c_str());
  if (st.error() == ENOENT) return InodeRef();
  if (!st.ok()) return st.status();
  return parts.tree.inodes.FindObject(ObjectIdOf(*st));
}

// Numbers of lower objects that entries of one upper directory have, and which object has each.
using Claimed = absl::flat_hash_map<uint64_t, ObjectId>;

// Two copies of one object are found with two numbers, also where nobody holds the first any more (L14); but
// what the client holds keeps the one that it has.
uint64_t NumberBeside(Parts& parts, const Inode& inode, uint64_t own, Claimed* claimed) {
  const uint64_t number = inode.st_ino();
  if (number == own) return own;
  const auto [entry, first] = claimed->try_emplace(number, inode.upper());
  if (first || entry->second == inode.upper() || inode.lookups() != 0) return number;
  parts.tree.numbers.Pin(number, entry->second);
  return own;
}

// An upper entry's own number is the tree's, unless it is a copy (which keeps its lower's) or a directory
// that lower members join: those are asked by name (D10; readdir.c:ovl_cache_update).
Result<uint64_t> UpperEntryIno(Parts& parts, const InodeRef& dir, int fd, const ScannedEntry& entry,
                               bool impure, Claimed* claimed, bool* guessed) {
  const uint64_t own = MapIno(parts, ObjectId{parts.stack->upper()->device(), entry.ino, 0});
  if (!impure) {
    PLY_TRY(bool may_be_merged, MayBeMerged(parts, *dir, fd, entry));
    if (!may_be_merged) {
      InodeRef known;
      const bool may_have_moved = entry.type == DT_DIR && parts.coherence;
      if (may_have_moved) {
        PLY_TRY(known, KnownDirectory(parts, fd, entry));
      } else if (NumbersMayGo(parts)) {
        known = KnownAt(parts, *dir, entry.name);
      }
      if (!known) return own;
      // When it is forgotten, its number goes from the listings of directories where it is known to be.
      if (!may_have_moved || known->HasName(*dir, entry.name)) return known->st_ino();
    }
  }
  Result<InodeRef> inode = Resolve(parts, dir, Name::Trusted(entry.name), Buying::kNever);
  if (inode.ok() && *inode) return NumberBeside(parts, **inode, own, claimed);
  // A name that cannot be resolved is listed all the same: where that is how it is (L12, L17), for good.
  if (!inode.ok() && inode.error() != EPERM) *guessed = true;
  return own;
}

// A whiteout by name hides nothing where its own layer has the name.
Result<bool> IsOutranked(int dir, const ScannedEntry& whiteout) {
  if (whiteout.hides == whiteout.name) return false;
  if (whiteout.hides.empty()) return true;
  Result<struct statx> st = sys::Statx(dir, std::string(whiteout.hides).c_str());
  if (!st.ok() && st.error() != ENOENT) return st.status();
  return st.ok();
}

Status AddUpper(Parts& parts, const InodeRef& dir, const Reading& reading, MergedDir* listing) {
  // Whether a client's reading moves the atime is decided where it reads (dir_view.cc).
  Result<UniqueFd> fd = OpenUpper(parts, dir, O_RDONLY | O_DIRECTORY | O_NOATIME);
  if (fd.error() == EPERM) fd = OpenUpper(parts, dir, O_RDONLY | O_DIRECTORY);
  if (!fd.ok()) return fd.status();
  if (reading.marking) reading.marking->Upper(fd->get());
  PLY_TRY(auto impure, parts.records.Get(fd->get(), Record::kImpure));
  PLY_TRY(bool xwhiteouts, SaysXattrWhiteouts(fd->get(), parts.records));
  if (xwhiteouts) listing->NoteXattrWhiteouts();
  const XattrWhiteouts look = xwhiteouts ? XattrWhiteouts::kEverywhere : XattrWhiteouts::kNowhere;
  uint64_t seen = 0;
  Claimed claimed;
  return ScanDirectory(fd->get(), parts.records, look, [&](const ScannedEntry& e) -> Status {
    if (++seen > reading.most_names) return Errno(kTooMany);
    if (e.whiteout) {
      PLY_TRY(bool outranked, IsOutranked(fd->get(), e));
      if (!outranked) listing->Remove(e.hides);
      return OkStatus();
    }
    PLY_TRY(uint64_t ino,
            UpperEntryIno(parts, dir, fd->get(), e, impure.has_value(), &claimed, reading.guessed));
    listing->Insert(e.name, e.type, ino);
    return OkStatus();
  });
}

// A directory keeps its number when a layer gains or loses a copy of it by hand (design.md, "Inode numbers").
void KeepNumbers(Parts& parts, const Inode& dir, MergedDir* listing) {
  const LowerIndex* index = listing->index().get();
  if (!parts.coherence || !index) return;
  for (size_t i = 0; i < index->size(); ++i) {
    if (index->entry(i).type != DT_DIR) continue;
    InodeRef known = LowerDirectoryAt(parts, dir, Name::Trusted(index->name(i)));
    if (known && known->st_ino() != index->entry(i).ino) listing->SetIno(index->name(i), known->st_ino());
  }
}

Result<std::shared_ptr<MergedDir>> ReadListing(Parts& parts, const InodeRef& dir, const Reading& reading) {
  bool xwhiteouts = false;
  PLY_TRY(auto index, IndexLowers(parts, *dir, reading, &xwhiteouts));
  auto listing = std::make_shared<MergedDir>(std::move(index), std::max(dir->next_cookie(), kDotCookies));
  if (xwhiteouts) listing->NoteXattrWhiteouts();
  KeepNumbers(parts, *dir, listing.get());
  if (dir->is_upper()) PLY_CHECK(AddUpper(parts, dir, reading, listing.get()));
  return listing;
}

// Null: its copies have become others while they were being read.
Result<std::shared_ptr<MergedDir>> ReadAndWatch(Parts& parts, const InodeRef& dir, Reading reading,
                                                Trust* trust) {
  if (!parts.coherence || Inode::WatchOf(trust->word) != Inode::Watch::kNot) {
    reading.as_seen = !parts.coherence;
    return ReadListing(parts, dir, reading);
  }
  parts.coherence->WatchAbove(dir);
  Coherence::Marking marking(*parts.coherence, dir);
  reading.marking = &marking;
  reading.as_seen = marking.RelyOnSeen();
  PLY_TRY(std::shared_ptr<MergedDir> made, ReadListing(parts, dir, reading));
  std::optional<uint32_t> word = marking.Finish();
  if (!word) return std::shared_ptr<MergedDir>();
  trust->word = *word;
  return made;
}

// A reader goes on by the cookies of what was read for it alone; the next reading gives out others (D6).
std::shared_ptr<MergedDir> Unkept(const InodeRef& dir, std::shared_ptr<MergedDir> made) {
  dir->ReserveCookies(made->next_cookie());
  return made;
}

// `keep`: as LoadListing.
Result<std::shared_ptr<MergedDir>> Load(Parts& parts, const InodeRef& dir, uint64_t most_names,
                                        ReadCopies* keep) {
  Exclusion::Hold loading = parts.listings.Acquire(dir->id());
  constexpr int kRounds = 8;
  std::shared_ptr<MergedDir> made;
  for (int round = 0; round < kRounds; ++round) {
    Trust trust{dir->watch_word()};
    if (auto known = dir->listing()) {
      if (trust.keeps()) return known;
      dir->DropListing();  // nobody would have told of a change (U2)
    }
    uint64_t version = dir->listing_version();
    Reading reading;
    bool guessed = false;
    reading.most_names = most_names;
    reading.keep = keep;
    reading.guessed = &guessed;
    if (keep) *keep = ReadCopies();
    PLY_TRY(made, ReadAndWatch(parts, dir, reading, &trust));
    if (made && guessed) return Unkept(dir, made);
    if (!made || !dir->PublishListing(made, version)) continue;
    if (StillWatched(*dir, trust)) {
      if (keep) keep->word = trust.word;
      parts.tree.listings.Charge(dir, made->bytes());
      return made;
    }
    dir->DropListing();
    if (!trust.keeps()) return made;
  }
  // Changed whenever it was being read.  The last round's reading is as true as any reader's of a directory
  // that never rests, but is not kept.
  return made ? Result<std::shared_ptr<MergedDir>>(Unkept(dir, made)) : Errno(ESTALE);
}

}  // namespace

Result<std::shared_ptr<MergedDir>> LoadListing(Parts& parts, const InodeRef& dir, ReadCopies* keep) {
  if (dir->unlinked()) return Errno(ENOENT);  // D7
  if (auto known = dir->listing(); known && dir->watched()) {
    dir->NoteListingUse();
    return known;
  }
  return Load(parts, dir, ~uint64_t{0}, keep);
}

Result<bool> BuyListing(Parts& parts, const InodeRef& dir, uint64_t most_names) {
  Result<std::shared_ptr<MergedDir>> bought = Load(parts, dir, most_names, nullptr);
  if (bought.error() == kTooMany) return false;
  if (!bought.ok()) return bought.status();
  return dir->listing() != nullptr;
}

Result<bool> ViewIsEmpty(Parts& parts, const InodeRef& dir) {
  PLY_TRY(std::shared_ptr<MergedDir> listing, LoadListing(parts, dir));
  return listing->count() == 0;
}

}  // namespace plyfs
