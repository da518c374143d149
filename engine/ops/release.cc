#include <fcntl.h>

#include "engine/ops/file_access.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

void Release(Parts& parts, Handle handle) {
  // What this handle wrote is in the client's cache as well: its pages stay true beyond the next open.
  if (Result<FileAccess> access = AccessFile(parts, handle); access.ok()) {
    const bool wrote = (access->file->flags & O_ACCMODE) != O_RDONLY;
    if (wrote && access->inode().data_stamp() != kPagesDiffer) {
      (void)CacheStillTrue(access->inode(), access->get());
    }
  }
  RemoveOpenFile(parts, handle);
}

}  // namespace plyfs::ops
