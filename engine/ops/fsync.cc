#include "engine/io/sys_file.h"
#include "engine/ops/file_access.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Status Fsync(Parts& parts, Handle handle, bool data_only) {
  if (parts.config.fsync == FsyncPolicy::kVolatile || parts.config.no_fsync_requests) return OkStatus();
  PLY_TRY(FileAccess access, AccessFile(parts, handle));
  if (!access.inode().is_upper()) return OkStatus();  // F10
  return data_only ? sys::Fdatasync(access.get()) : sys::Fsync(access.get());
}

}  // namespace plyfs::ops
