#include "engine/ops/file_access.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"
#include "engine/ops/stat_inode.h"
#include "engine/ops/warm.h"

namespace plyfs::ops {

Result<AttrReply> GetAttr(Parts& parts, NodeId node, Handle handle) {
  if (auto known = warm::GetAttr(parts.tree, node)) return *known;
  PLY_TRY(InodeRef inode, FindNode(parts, node));
  // A directory that was merely looked up is not watched, and its attributes last the client a second (U2).
  // Who asks again would do so for ever.
  if (inode->is_dir() && !inode->unlinked()) (void)WatchIfWorthwhile(parts, inode);
  bool kept = false;
  PLY_TRY(Attr attr, StatInode(parts, inode, &kept));
  if (inode->is_regular() && !inode->AttrWatching().all) TakeBackPages(parts, *inode, attr);
  return MakeAttrReply(parts, *inode, attr, kept);
}

}  // namespace plyfs::ops
