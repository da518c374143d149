#include "engine/ops/warm.h"

namespace plyfs::warm {

Result<std::string> ShownXattrs(const XattrNames& names, std::string stored, size_t room) {
  // The room needed is that of all names, those that are not shown included (fs/overlayfs/xattrs.c:
  // ovl_listxattr).
  if (room == 0) return stored;
  if (stored.size() > room) return Errno(ERANGE);
  return names.VisibleList(stored);
}

std::optional<Result<std::string>> ListXattr(Tree& tree, const XattrNames& names, NodeId node, size_t room) {
  InodeRef inode = tree.inodes.Find(node);
  if (!inode) return Result<std::string>(Errno(ESTALE));
  std::optional<std::string> stored = inode->CachedXattrNames();
  if (!stored) return std::nullopt;
  Result<std::string> shown = ShownXattrs(names, *std::move(stored), room);
  if (room != 0 && shown.ok() && shown->find("trusted.") != shown->npos) return std::nullopt;
  return shown;
}

}  // namespace plyfs::warm
