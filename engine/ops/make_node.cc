#include <sys/sysmacros.h>

#include "engine/base/planted.h"
#include "engine/format/file_type.h"
#include "engine/io/sys_dir.h"
#include "engine/ops/locate.h"
#include "engine/ops/new_object.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Result<Entry> MakeNode(Parts& parts, const Caller& caller, NodeId parent, Name name, uint32_t mode,
                       uint64_t rdev) {
  // A client must not make whiteouts (N15; dir.c:ovl_mknod).
  if (IsWhiteoutDevice(mode, major(rdev), minor(rdev))) return Errno(EPERM);
  PLY_TRY(InodeRef dir, FindDir(parts, parent));
  PLY_TRY(FreeName place, TakeFreeName(parts, dir, name));
  NewObject object;
  object.type = mode & S_IFMT;
  object.mode = mode & 07777;
  if (Planted(Plant::kMknod)) object.mode ^= 0040;
  object.make = [&](int at, const char* as, uint32_t permissions) {
    return sys::MknodAt(at, as, object.type | permissions, rdev);
  };
  return MakeNew(parts, caller, place, name, object);
}

}  // namespace plyfs::ops
