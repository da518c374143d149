#include "engine/io/sys_stat.h"
#include "engine/ops/file_access.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"
#include "engine/ops/stat_inode.h"
#include "engine/ops/warm.h"

namespace plyfs::ops {
namespace {

// Of a file whose name a hand has just taken: who has it open goes on with it (S10), also before the watcher
// has taken hold of it for all.  Where data come from elsewhere, what is open has other attributes.
Result<Attr> StatOpened(Parts& parts, const InodeRef& inode, Handle handle) {
  PLY_TRY(FileAccess access, AccessFile(parts, handle));
  if (!(access.file->inode == inode) || inode->data().exists()) return Errno(ESTALE);
  PLY_TRY(struct statx st, sys::StatxFd(access.get()));
  return PresentAttr(parts, inode, st);
}

}  // namespace

Result<AttrReply> GetAttr(Parts& parts, NodeId node, Handle handle) {
  if (auto known = warm::GetAttr(parts.tree, node)) return *known;
  PLY_TRY(InodeRef inode, FindNode(parts, node));
  // A directory that was merely looked up is not watched, and its attributes last the client a second (U2).
  // Who asks again would do so for ever.
  if (inode->is_dir() && !inode->unlinked()) (void)WatchIfWorthwhile(parts, inode);
  bool kept = false;
  Result<Attr> found = StatInode(parts, inode, &kept);
  if (found.error() == ESTALE && handle != 0) found = StatOpened(parts, inode, handle);
  PLY_TRY(Attr attr, std::move(found));
  if (inode->is_regular() && !inode->AttrWatching().all) TakeBackPages(parts, *inode, attr);
  return MakeAttrReply(parts, *inode, attr, kept);
}

}  // namespace plyfs::ops
