#include <fcntl.h>

#include "engine/io/sys_xattr.h"
#include "engine/layer/indexed.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"
#include "engine/ops/warm.h"

namespace plyfs::ops {

Result<std::string> GetXattr(Parts& parts, NodeId node, std::string_view name) {
  if (parts.config.noxattrs) return Errno(EOPNOTSUPP);
  PLY_TRY(std::string stored, parts.records.names().Escape(name));
  if (auto known = warm::GetXattr(parts.tree, node, stored)) return *std::move(known);
  PLY_TRY(InodeRef inode, FindNode(parts, node));
  // Asked once: copied up meanwhile it may have no lower object any more.
  const LowerAnchor lower = VisibleLower(*inode);
  if (auto indexed = FindIndexed(*parts.stack, lower); indexed && HasNoXattrs(indexed->entry)) {
    const Layer& layer = parts.stack->lower(lower.layer);
    if (IsPlainlyMissing(stored, inode->type(), layer.index()->has_acls())) return Errno(ENODATA);
  }
  CacheableRead reading(parts, inode);
  PLY_TRY(UniqueFd fd, OpenObject(parts, inode, O_PATH));
  Result<std::string> value = sys::GetXattr(fd.get(), stored.c_str());
  // Asked for again and again: at every exec, and by ls for its colours.
  if (stored == kXattrCapability && value.error() == ENODATA) {
    reading.Keep([&](uint64_t version) { inode->StoreLacksCapability(version); });
  }
  return value;
}

}  // namespace plyfs::ops
