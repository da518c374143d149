#include "engine/ops/warm.h"

namespace plyfs::warm {

std::optional<Result<std::string>> GetXattr(Tree& tree, NodeId node, std::string_view stored) {
  InodeRef inode = tree.inodes.Find(node);
  if (!inode) return Result<std::string>(Errno(ESTALE));
  if (stored != kXattrCapability || !inode->LacksCapability()) return std::nullopt;
  return Result<std::string>(Errno(ENODATA));
}

}  // namespace plyfs::warm
