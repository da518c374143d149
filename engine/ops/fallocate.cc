#include <linux/falloc.h>

#include "engine/base/planted.h"
#include "engine/format/protattr.h"
#include "engine/io/sys_file.h"
#include "engine/ops/file_access.h"
#include "engine/ops/guard.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Status Fallocate(Parts& parts, const Caller& caller, Handle handle, uint32_t mode, uint64_t offset,
                 uint64_t length) {
  PLY_TRY(FileAccess access, AccessForWrite(parts, handle));
  // Opened before it was protected (fs/open.c:vfs_fallocate).
  const bool replaces = (mode & ~uint32_t{FALLOC_FL_KEEP_SIZE}) != 0;
  PLY_CHECK(MayUnless(parts, access.file->inode, replaces ? kFlagImmutable | kFlagAppend : kFlagImmutable));
  // The request does not say what the caller may keep; only the superuser keeps set-id bits (A11).
  if (caller.uid != 0) PLY_CHECK(KillPrivileges(parts, caller, access, offset));
  if (length > 1 && Planted(Plant::kFallocate)) --length;
  Status done = sys::Fallocate(access.get(), static_cast<int>(mode), offset, length);
  access.inode().DropAttr();
  return done;
}

}  // namespace plyfs::ops
