#include "engine/base/planted.h"
#include "engine/io/sys_file.h"
#include "engine/ops/file_access.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Result<uint64_t> Seek(Parts& parts, Handle handle, uint64_t offset, int whence) {
  PLY_TRY(FileAccess access, AccessFile(parts, handle));
  Result<uint64_t> found = sys::Lseek(access.get(), static_cast<int64_t>(offset), whence);
  if (found.ok() && whence == SEEK_HOLE && *found > offset && Planted(Plant::kSeekHole)) --*found;
  if (found.ok() && whence == SEEK_DATA && Planted(Plant::kSeekData)) *found += 4096;
  return found;
}

}  // namespace plyfs::ops
