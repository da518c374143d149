#include <fcntl.h>

#include "engine/io/sys_file.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Status FsyncDir(Parts& parts, NodeId node, bool data_only) {
  if (parts.config.fsync == FsyncPolicy::kVolatile || parts.config.no_fsync_requests) return OkStatus();
  PLY_TRY(InodeRef dir, FindDir(parts, node));
  if (!dir->is_upper()) return OkStatus();
  PLY_TRY(UniqueFd fd, OpenUpper(parts, dir, O_RDONLY | O_DIRECTORY));
  return data_only ? sys::Fdatasync(fd.get()) : sys::Fsync(fd.get());
}

}  // namespace plyfs::ops
