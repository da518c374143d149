#include <fcntl.h>

#include "engine/io/sys_xattr.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Result<std::string> ListXattr(Parts& parts, NodeId node) {
  if (parts.config.noxattrs) return Errno(EOPNOTSUPP);
  PLY_TRY(InodeRef inode, FindNode(parts, node));
  PLY_TRY(UniqueFd fd, OpenObject(parts, inode, O_PATH));
  Result<std::string> stored = sys::ListXattr(fd.get());
  if (stored.error() == EOPNOTSUPP) return std::string();
  if (!stored.ok()) return stored;
  return parts.records.names().VisibleList(*stored);
}

}  // namespace plyfs::ops
