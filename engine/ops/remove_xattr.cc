#include <fcntl.h>

#include "engine/base/planted.h"
#include "engine/format/xattr_names.h"
#include "engine/io/sys_owner.h"
#include "engine/io/sys_xattr.h"
#include "engine/ops/caller_process.h"
#include "engine/ops/copy_up.h"
#include "engine/ops/guard.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"
#include "engine/ops/stat_inode.h"

namespace plyfs::ops {
namespace {

// Set-group-id goes with an access ACL, even one that is not there, if its remover could not have set it
// (fs/overlayfs/inode.c:ovl_set_acl).  A request to set one says so (kill_sgid); one to remove it does not.
Status DropSetGid(Parts& parts, const Caller& caller, const InodeRef& inode) {
  PLY_TRY(Attr attr, StatInode(parts, inode));
  if (!(attr.mode & S_ISGID) || MayKeepSetGid(caller, attr.gid)) return OkStatus();
  PLY_CHECK(CopyUp(parts, inode));
  PLY_TRY(UniqueFd fd, OpenUpper(parts, inode, O_PATH));
  Status dropped = sys::Chmod(fd.get(), attr.mode & 07777 & ~S_ISGID);
  inode->DropAttr();
  return dropped;
}

}  // namespace

Status RemoveXattr(Parts& parts, const Caller& caller, NodeId node, std::string_view name) {
  if (parts.config.noxattrs) return Errno(EOPNOTSUPP);
  PLY_TRY(InodeRef inode, FindNode(parts, node));
  PLY_TRY(std::string stored, parts.records.names().Escape(name));
  // Writing removes capabilities, also from a file that may only be appended to.
  bool by_write = name == kXattrCapability && inode->writers() > 0;
  PLY_CHECK(by_write ? MayOpenForWrite(parts, inode, O_APPEND) : MayChange(parts, inode));
  if (name == kXattrAccessAcl) PLY_CHECK(DropSetGid(parts, caller, inode));
  {
    // What is not there takes no copy (C, A7).  An ACL that an upper object lacks is removed with success
    // (fs/overlayfs/inode.c:ovl_set_or_remove_acl).
    PLY_TRY(UniqueFd visible, OpenObject(parts, inode, O_PATH));
    Result<std::string> there = sys::GetXattr(visible.get(), stored.c_str());
    bool acl = name == kXattrAccessAcl || name == kXattrDefaultAcl;
    if (there.error() == ENODATA && acl && inode->is_upper()) return OkStatus();
    if (!there.ok()) return there.status();
  }
  PLY_CHECK(CopyUp(parts, inode));
  PLY_TRY(UniqueFd fd, OpenUpper(parts, inode, O_PATH));
  if (Planted(Plant::kRemoveXattr)) return OkStatus();
  Status removed = sys::RemoveXattr(fd.get(), stored.c_str());
  inode->DropAttr();
  if (by_write) inode->NoteCapabilityRemoved(caller.pid);
  return removed;
}

}  // namespace plyfs::ops
