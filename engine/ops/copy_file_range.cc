#include "engine/io/sys_file.h"
#include "engine/ops/file_access.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Result<size_t> CopyFileRange(Parts& parts, const Caller& caller, Handle from, uint64_t from_offset, Handle to,
                             uint64_t to_offset, uint64_t length) {
  PLY_TRY(FileAccess source, AccessFile(parts, from));
  PLY_TRY(FileAccess target, AccessForWrite(parts, to));
  if (caller.uid != 0) PLY_CHECK(KillPrivileges(parts, caller, target));
  Result<size_t> copied = sys::CopyFileRange(source.get(), from_offset, target.get(), to_offset, length);
  target.inode().DropAttr();
  return copied;
}

}  // namespace plyfs::ops
