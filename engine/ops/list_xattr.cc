#include <fcntl.h>

#include "engine/io/sys_xattr.h"
#include "engine/layer/indexed.h"
#include "engine/ops/caller_process.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

namespace {

// trusted.* is shown to CAP_SYS_ADMIN only (A5; fs/xattr.c: the list is not filtered by the kernel for FUSE).
bool MaySeeTrusted(const Caller& caller) {
  constexpr int kCapSysAdmin = 21;
  return caller.pid == 0 ? caller.uid == 0 : ProcessHasCapability(caller.pid, kCapSysAdmin);
}

std::string WithoutTrusted(const std::string& names) {
  std::string kept;
  for (size_t at = 0; at < names.size();) {
    std::string_view name(names.c_str() + at);
    at += name.size() + 1;
    if (!name.starts_with("trusted.")) kept.append(name).push_back('\0');
  }
  return kept;
}

}  // namespace

Result<std::string> ListXattr(Parts& parts, const Caller& caller, NodeId node, size_t room) {
  if (parts.config.noxattrs) return Errno(EOPNOTSUPP);
  PLY_TRY(InodeRef inode, FindNode(parts, node));
  if (auto indexed = FindIndexed(parts, *inode); indexed && HasNoXattrs(indexed->entry)) return std::string();
  PLY_TRY(UniqueFd fd, OpenObject(parts, inode, O_PATH));
  Result<std::string> stored = sys::ListXattr(fd.get());
  if (stored.error() == EOPNOTSUPP) return std::string();
  // The room needed is that of all names, those that are not shown included (fs/overlayfs/xattrs.c:
  // ovl_listxattr).
  if (!stored.ok() || room == 0) return stored;
  if (stored->size() > room) return Errno(ERANGE);
  PLY_TRY(std::string shown, parts.records.names().VisibleList(*stored));
  if (shown.find("trusted.") == shown.npos || MaySeeTrusted(caller)) return shown;
  return WithoutTrusted(shown);
}

}  // namespace plyfs::ops
