#include "engine/ops/warm.h"

namespace plyfs::warm {

std::optional<Result<std::string>> ReadLink(Tree& tree, NodeId node) {
  InodeRef inode = tree.inodes.Find(node);
  if (!inode) return Result<std::string>(Errno(ESTALE));
  if (inode->type() != S_IFLNK) return Result<std::string>(Errno(EINVAL));
  std::optional<std::string> target = inode->CachedTarget();
  if (!target) return std::nullopt;
  return Result<std::string>(*std::move(target));
}

}  // namespace plyfs::warm
