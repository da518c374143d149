#include "engine/ops/file_access.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

void Release(Parts& parts, Handle handle) {
  // What this handle wrote is in the client's cache as well: its pages stay true beyond the next open.
  const auto file = parts.files.Find(handle);
  if (file && file->wrote.load(std::memory_order_relaxed) && file->inode->data_stamp() != kPagesDiffer) {
    if (Result<FileAccess> access = AccessFile(parts, handle); access.ok()) {
      (void)CacheStillTrue(access->inode(), access->get());
    }
  }
  RemoveOpenFile(parts, handle);
}

}  // namespace plyfs::ops
