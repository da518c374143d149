#include "engine/io/sys_dir.h"
#include "engine/ops/locate.h"
#include "engine/ops/new_object.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Result<Entry> MakeDir(Parts& parts, const Caller& caller, NodeId parent, Name name, uint32_t mode) {
  PLY_TRY(InodeRef dir, FindDir(parts, parent));
  PLY_TRY(FreeName place, TakeFreeName(parts, dir, name));
  NewObject object;
  object.type = S_IFDIR;
  object.mode = mode & 07777;
  object.opaque = parts.config.opaque_mkdir && dir->merged();  // N6
  object.make = [](int at, const char* as, uint32_t permissions) {
    return sys::MkdirAt(at, as, permissions);
  };
  return MakeNew(parts, caller, place, name, object);
}

}  // namespace plyfs::ops
