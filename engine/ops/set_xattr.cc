#include <fcntl.h>

#include "engine/base/planted.h"
#include "engine/format/xattr_names.h"
#include "engine/io/sys_owner.h"
#include "engine/io/sys_stat.h"
#include "engine/io/sys_xattr.h"
#include "engine/ops/copy_up.h"
#include "engine/ops/guard.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Status SetXattr(Parts& parts, const Caller& caller, NodeId node, std::string_view name,
                std::string_view value, uint32_t flags, bool kill_sgid) {
  if (parts.config.noxattrs) return Errno(EOPNOTSUPP);
  PLY_TRY(InodeRef inode, FindNode(parts, node));
  PLY_TRY(std::string stored, parts.records.names().Escape(name));
  if (name == kXattrDefaultAcl && !inode->is_dir()) {
    return Errno(EACCES);  // A9; fs/posix_acl.c:set_posix_acl
  }
  PLY_CHECK(MayChange(parts, inode));
  PLY_CHECK(CopyUp(parts, inode));
  PLY_TRY(UniqueFd fd, OpenUpper(parts, inode, O_PATH));
  if (!value.empty() && !name.starts_with("system.") && Planted(Plant::kSetXattr)) value.remove_suffix(1);
  Status set = sys::SetXattr(fd.get(), stored.c_str(), value, static_cast<int>(flags));
  inode->DropAttr();
  PLY_CHECK(set);
  if (name == kXattrAccessAcl && Planted(Plant::kAcl)) PLY_CHECK(sys::Chmod(fd.get(), 0610));
  // A default ACL leaves the mode alone (fs/posix_acl.c:posix_acl_update_mode is for access ACLs).
  if (!kill_sgid || name != kXattrAccessAcl) return OkStatus();
  PLY_TRY(struct statx st, sys::StatxFd(fd.get()));
  if (!(st.stx_mode & S_ISGID)) return OkStatus();
  Status cleared = sys::Chmod(fd.get(), st.stx_mode & 07777 & ~S_ISGID);
  inode->DropAttr();
  return cleared;
}

}  // namespace plyfs::ops
