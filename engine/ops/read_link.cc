#include <fcntl.h>

#include "engine/io/sys_dir.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Result<std::string> ReadLink(Parts& parts, NodeId node) {
  PLY_TRY(InodeRef inode, FindNode(parts, node));
  if (inode->type() != S_IFLNK) return Errno(EINVAL);
  if (auto indexed = FindIndexed(parts, *inode)) return std::string(indexed->entry.target());
  PLY_TRY(UniqueFd fd, OpenObject(parts, inode, O_PATH));
  return sys::ReadLinkAt(fd.get(), "");
}

}  // namespace plyfs::ops
