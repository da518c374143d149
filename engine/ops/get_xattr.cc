#include <fcntl.h>

#include "engine/io/sys_xattr.h"
#include "engine/layer/indexed.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Result<std::string> GetXattr(Parts& parts, NodeId node, std::string_view name) {
  if (parts.config.noxattrs) return Errno(EOPNOTSUPP);
  PLY_TRY(InodeRef inode, FindNode(parts, node));
  PLY_TRY(std::string stored, parts.records.names().Escape(name));
  if (auto indexed = FindIndexed(parts, *inode); indexed && HasNoXattrs(indexed->entry)) {
    const Layer& layer = parts.stack->lower(VisibleLower(*inode).layer);
    if (IsPlainlyMissing(stored, inode->type(), layer.index()->has_acls())) return Errno(ENODATA);
  }
  PLY_TRY(UniqueFd fd, OpenObject(parts, inode, O_PATH));
  return sys::GetXattr(fd.get(), stored.c_str());
}

}  // namespace plyfs::ops
