#include "engine/ops/locate.h"
#include "engine/ops/ops.h"
#include "engine/ops/stat_inode.h"
#include "engine/ops/warm.h"

namespace plyfs::ops {

Result<AttrReply> GetAttr(Parts& parts, NodeId node, Handle handle) {
  if (auto known = warm::GetAttr(parts.tree, node)) return *known;
  PLY_TRY(InodeRef inode, FindNode(parts, node));
  PLY_TRY(Attr attr, StatInode(parts, inode));
  return MakeAttrReply(parts, inode, attr);
}

}  // namespace plyfs::ops
