#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <cstring>

#include "engine/format/protattr.h"
#include "engine/io/sys_file.h"
#include "engine/ops/copy_up.h"
#include "engine/ops/guard.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {
namespace {

Result<int> ShownFlags(Parts& parts, const InodeRef& inode, int fd) {
  PLY_TRY(int flags, sys::GetFlags(fd));
  PLY_TRY(uint32_t protection, ProtectionOf(parts, inode));
  return (flags & ~static_cast<int>(kProtectFlags)) | static_cast<int>(protection);
}

Status RecordProtection(Parts& parts, const InodeRef& inode, int fd, uint32_t flags) {
  std::string record = ComposeProtattr(flags & kProtectFlags);
  PLY_CHECK(record.empty() ? parts.records.Remove(fd, Record::kProtattr)
                           : parts.records.Set(fd, Record::kProtattr, record));
  inode->SetProtection(flags & kProtectFlags);
  return OkStatus();
}

// The client does not expect it of an ioctl.
void ShowNewTimes(Parts& parts, const InodeRef& inode) {
  inode->DropAttr();
  if (parts.invalidator) parts.invalidator->InvalidateAttr(inode->id());
}

// Immutable and append-only are recorded, not set: the upper object must stay linkable (A14;
// fs/overlayfs/inode.c:ovl_fileattr_set).
Status SetShownFlags(Parts& parts, const InodeRef& inode, uint32_t flags) {
  if (!parts.writable()) return Errno(EROFS);
  PLY_CHECK(CopyUp(parts, inode));
  PLY_TRY(UniqueFd fd, OpenUpper(parts, inode, O_RDONLY));
  PLY_CHECK(RecordProtection(parts, inode, fd.get(), flags));
  Status set = sys::SetFlags(fd.get(), static_cast<int>(flags & ~kProtectFlags));
  ShowNewTimes(parts, inode);
  return set;
}

Result<std::string> GetExtended(Parts& parts, const InodeRef& inode) {
  PLY_TRY(UniqueFd fd, OpenObject(parts, inode, O_RDONLY));
  PLY_TRY(struct fsxattr attributes, sys::GetFsxattr(fd.get()));
  PLY_TRY(uint32_t protection, ProtectionOf(parts, inode));
  attributes.fsx_xflags &= ~(FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND);
  if (protection & kFlagImmutable) attributes.fsx_xflags |= FS_XFLAG_IMMUTABLE;
  if (protection & kFlagAppend) attributes.fsx_xflags |= FS_XFLAG_APPEND;
  return std::string(reinterpret_cast<const char*>(&attributes), sizeof attributes);
}

Status SetExtended(Parts& parts, const InodeRef& inode, struct fsxattr attributes) {
  if (!parts.writable()) return Errno(EROFS);
  PLY_CHECK(CopyUp(parts, inode));
  PLY_TRY(UniqueFd fd, OpenUpper(parts, inode, O_RDONLY));
  uint32_t protection = 0;
  if (attributes.fsx_xflags & FS_XFLAG_IMMUTABLE) protection |= kFlagImmutable;
  if (attributes.fsx_xflags & FS_XFLAG_APPEND) protection |= kFlagAppend;
  PLY_CHECK(RecordProtection(parts, inode, fd.get(), protection));
  attributes.fsx_xflags &= ~(FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND);
  Status set = sys::SetFsxattr(fd.get(), attributes);
  ShowNewTimes(parts, inode);
  return set;
}

}  // namespace

Result<std::string> Ioctl(Parts& parts, const Caller& caller, NodeId node, uint32_t command,
                          std::string_view in, size_t out_size) {
  PLY_TRY(InodeRef inode, FindNode(parts, node));
  if (!inode->is_regular() && !inode->is_dir()) return Errno(ENOTTY);
  if (command == FS_IOC_GETFLAGS) {
    PLY_TRY(UniqueFd fd, OpenObject(parts, inode, O_RDONLY));
    PLY_TRY(int flags, ShownFlags(parts, inode, fd.get()));
    return std::string(reinterpret_cast<const char*>(&flags), sizeof flags);
  }
  if (command == FS_IOC_SETFLAGS) {
    uint32_t flags = 0;
    if (in.size() < sizeof flags) return Errno(EINVAL);
    std::memcpy(&flags, in.data(), sizeof flags);
    PLY_CHECK(SetShownFlags(parts, inode, flags));
    return std::string();
  }
  if (command == FS_IOC_FSGETXATTR) return GetExtended(parts, inode);
  if (command == FS_IOC_FSSETXATTR) {
    struct fsxattr attributes;
    if (in.size() < sizeof attributes) return Errno(EINVAL);
    std::memcpy(&attributes, in.data(), sizeof attributes);
    PLY_CHECK(SetExtended(parts, inode, attributes));
    return std::string();
  }
  return Errno(ENOTTY);
}

}  // namespace plyfs::ops
