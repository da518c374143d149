#include "engine/io/sys_file.h"
#include "engine/ops/file_access.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Result<size_t> Read(Parts& parts, Handle handle, uint64_t offset, std::span<char> out) {
  PLY_TRY(FileAccess access, AccessFile(parts, handle));
  return sys::Pread(access.get(), out.data(), out.size(), offset);
}

}  // namespace plyfs::ops
