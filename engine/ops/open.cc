#include <fcntl.h>

#include "engine/base/planted.h"
#include "engine/io/sys_file.h"
#include "engine/ops/copy_up.h"
#include "engine/ops/file_access.h"
#include "engine/ops/guard.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {
namespace {

Status TruncateOpened(Parts& parts, const InodeRef& inode, uint32_t flags, int fd) {
  inode->SetDataStamp(0);
  if ((flags & O_ACCMODE) != O_RDONLY) return sys::Ftruncate(fd, 0);
  PLY_TRY(UniqueFd writable, OpenUpper(parts, inode, O_WRONLY));
  return sys::Ftruncate(writable.get(), 0);
}

}  // namespace

Result<Opened> Open(Parts& parts, const Caller& caller, NodeId node, uint32_t flags, bool kill_suidgid) {
  PLY_TRY(InodeRef inode, FindNode(parts, node));
  if (inode->is_dir()) return Errno(EISDIR);
  if (!inode->is_regular()) return Errno(ENXIO);  // special files are the kernel's (F26)
  bool truncates = flags & O_TRUNC;
  if ((flags & O_ACCMODE) != O_RDONLY || truncates) {
    PLY_CHECK(MayOpenForWrite(parts, inode, flags));
    PLY_CHECK(CopyUp(parts, inode, truncates ? CopyUpData::kNone : CopyUpData::kAll));
  }
  bool on_upper = inode->is_upper();
  Result<UniqueFd> data = OpenBacking(parts, inode, flags);
  // The client looks the name up again and finds what is there now (fs/namei.c:do_filp_open).
  if (data.error() == ESTALE) DoubtNames(parts, inode);
  PLY_TRY(UniqueFd fd, std::move(data));
  if (truncates && !Planted(Plant::kOpenTruncate)) {
    Status truncated = TruncateOpened(parts, inode, flags, fd.get());
    inode->DropAttr();
    PLY_CHECK(truncated);
  }
  Opened opened;
  Result<bool> keep = CacheStillTrue(*inode, fd.get());
  // It is truncated, which the client takes for not done.
  if (!keep.ok() && truncates && parts.invalidator) parts.invalidator->InvalidateData(node);
  PLY_TRY(opened.keep_cache, keep);
  opened.handle = AddOpenFile(parts, inode, flags, std::move(fd), on_upper);
  if (truncates && kill_suidgid) {
    if (Result<FileAccess> access = AccessFile(parts, opened.handle); access.ok()) {
      (void)KillPrivileges(parts, caller, *access);
    }
  }
  return opened;
}

}  // namespace plyfs::ops
