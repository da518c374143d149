#include "engine/io/sys_file.h"
#include "engine/ops/file_access.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Result<uint64_t> Seek(Parts& parts, Handle handle, uint64_t offset, int whence) {
  PLY_TRY(FileAccess access, AccessFile(parts, handle));
  return sys::Lseek(access.get(), static_cast<int64_t>(offset), whence);
}

}  // namespace plyfs::ops
