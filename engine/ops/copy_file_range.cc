#include <fcntl.h>

#include "engine/base/planted.h"
#include "engine/format/protattr.h"
#include "engine/io/sys_file.h"
#include "engine/ops/file_access.h"
#include "engine/ops/guard.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Result<size_t> CopyFileRange(Parts& parts, const Caller& caller, Handle from, uint64_t from_offset, Handle to,
                             uint64_t to_offset, uint64_t length) {
  PLY_TRY(FileAccess source, AccessFile(parts, from));
  PLY_TRY(FileAccess target, AccessForWrite(parts, to));
  // Opened before it was protected (fs/read_write.c:generic_copy_file_checks).
  PLY_CHECK(MayUnless(parts, target.file->inode, kFlagImmutable));
  if (caller.uid != 0) PLY_CHECK(KillPrivileges(parts, caller, target, to_offset));
  // Overlayfs moves no atime here, so neither does this (fs/overlayfs/file.c: OVL_OPEN_FLAGS).
  Result<UniqueFd> quiet = OpenData(parts, source.file->inode, O_RDONLY | O_NOATIME);
  int from_fd = quiet.ok() ? quiet->get() : source.get();
  const uint64_t short_by = length > 1 && Planted(Plant::kCopyFileRange) ? 1 : 0;
  Result<size_t> copied =
      sys::CopyFileRange(from_fd, from_offset, target.get(), to_offset, length - short_by);
  if (copied.ok() && *copied > 0) *copied += short_by;
  target.inode().DropAttr();
  return copied;
}

}  // namespace plyfs::ops
