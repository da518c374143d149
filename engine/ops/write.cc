#include "engine/io/sys_file.h"
#include "engine/ops/file_access.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Result<size_t> Write(Parts& parts, const Caller& caller, Handle handle, uint64_t offset,
                     std::span<const char> data, const WriteFlags& flags) {
  PLY_TRY(FileAccess access, AccessForWrite(parts, handle));
  if (flags.kill_suidgid) PLY_CHECK(KillPrivileges(parts, caller, access));
  Result<size_t> written = sys::Pwrite(access.get(), data.data(), data.size(), offset);
  access.inode().DropAttr();
  return written;
}

}  // namespace plyfs::ops
