#include "engine/ops/warm.h"

namespace plyfs::warm {

Result<Opened> OpenDir(Tree& tree, HandleTable<plyfs::OpenDir>& dirs, NodeId node, uint32_t flags) {
  InodeRef dir = tree.inodes.Find(node);
  if (!dir) return Errno(ESTALE);
  if (!dir->is_dir()) return Errno(ENOTDIR);
  Opened opened;
  opened.handle = dirs.Add(std::move(dir), flags);
  return opened;
}

}  // namespace plyfs::warm
