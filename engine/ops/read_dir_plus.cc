#include <utility>

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
  parts.tree.inodes.Forget((*inode)->id(), 1);
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

}  // namespace

Status ReadDirPlus(Parts& parts, const Caller& caller, Handle handle, Cookie from, const DirPlusSink& sink) {
  std::shared_ptr<plyfs::OpenDir> dir = parts.dirs.Find(handle);
  if (!dir) return Errno(EBADF);
  const bool looks = parts.tree.habits.Looks(caller.pid);
  if (!looks) parts.tree.habits.NoteListed(caller.pid, dir->inode->id());
  bool end = true, asked = false;
  std::shared_ptr<const ReadCopies> copies;
  const auto visit = [&](const DirEntry& entry) -> Result<bool> {
    if (looks && !std::exchange(asked, true)) copies = CopiesOf(*dir);
    Entry attributes = looks ? Attributes(parts, dir->inode, entry, copies.get()) : Entry();
    bool taken = sink(entry, attributes);
    if (!taken && attributes.node != 0) parts.tree.inodes.Forget(attributes.node, 1);
    end &= taken;
    return taken;
  };
  Status visited = VisitListing(parts, *dir, from, visit, looks);
  // Nothing is left to look at.
  if (end) DropCopies(*dir);
  return visited;
}

}  // namespace plyfs::ops
