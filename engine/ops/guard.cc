#include "engine/ops/guard.h"

#include <fcntl.h>

#include "engine/format/protattr.h"
#include "engine/io/sys_file.h"
#include "engine/io/sys_stat.h"
#include "engine/ops/locate.h"

namespace plyfs {
namespace {

static_assert(STATX_ATTR_IMMUTABLE == kFlagImmutable && STATX_ATTR_APPEND == kFlagAppend);

// Of the record on an upper object, and of flags of its own, which kernels before 5.15 gave it
// (fs/overlayfs/util.c:ovl_check_protattr); of the filesystem's flags on a lower one.
Result<uint32_t> ReadProtection(Parts& parts, const InodeRef& inode) {
  if (inode->is_upper()) {
    PLY_TRY(UniqueFd fd, OpenUpper(parts, inode, O_PATH));
    PLY_TRY(auto record, parts.records.Get(fd.get(), Record::kProtattr));
    PLY_TRY(struct statx own, sys::StatxFd(fd.get()));
    return (record ? ParseProtattr(*record) : 0) |
           (static_cast<uint32_t>(own.stx_attributes) & kProtectFlags);
  }
  PLY_TRY(UniqueFd fd, OpenObject(parts, inode, O_RDONLY));
  Result<int> flags = sys::GetFlags(fd.get());
  return flags.ok() ? static_cast<uint32_t>(*flags) & kProtectFlags : 0;
}

}  // namespace

Result<uint32_t> ProtectionOf(Parts& parts, const InodeRef& inode) {
  if (!inode->is_regular() && !inode->is_dir()) return 0u;
  uint32_t known = inode->protection();
  if (known != Inode::kUnknownProtection) return known;
  PLY_TRY(uint32_t flags, ReadProtection(parts, inode));
  inode->SetProtection(flags);
  return flags;
}

Status MayUnless(Parts& parts, const InodeRef& inode, uint32_t flags) {
  if (!parts.writable()) return Errno(EROFS);
  if (flags == 0) return OkStatus();
  PLY_TRY(uint32_t protection, ProtectionOf(parts, inode));
  return (protection & flags) ? Status(Errno(EPERM)) : OkStatus();
}

Status MayChange(Parts& parts, const InodeRef& inode) {
  return MayUnless(parts, inode, kFlagImmutable | kFlagAppend);
}

Status MayOpenForWrite(Parts& parts, const InodeRef& inode, uint32_t flags) {
  bool appends = (flags & O_APPEND) && !(flags & O_TRUNC);
  return MayUnless(parts, inode, appends ? kFlagImmutable : kFlagImmutable | kFlagAppend);
}

Status MayAddTo(Parts& parts, const InodeRef& dir) {
  return MayUnless(parts, dir, kFlagImmutable);
}

Status MayRemove(Parts& parts, const InodeRef& dir, const InodeRef& inode) {
  PLY_CHECK(MayUnless(parts, dir, kFlagImmutable | kFlagAppend));
  return MayUnless(parts, inode, kFlagImmutable | kFlagAppend);
}

}  // namespace plyfs
