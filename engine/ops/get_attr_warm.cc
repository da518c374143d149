#include "engine/ops/warm.h"

namespace plyfs::warm {

std::optional<Result<AttrReply>> GetAttr(Tree& tree, NodeId node) {
  InodeRef inode = tree.inodes.Find(node);
  if (!inode) return Result<AttrReply>(Errno(ESTALE));
  std::optional<Attr> attr = inode->CachedAttr();
  if (!attr) return std::nullopt;
  return Result<AttrReply>(AttrReply{*attr, tree.AttrTtl(*inode, /*kept=*/true)});
}

}  // namespace plyfs::warm
