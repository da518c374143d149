#include "engine/base/planted.h"
#include "engine/io/sys_dir.h"
#include "engine/ops/locate.h"
#include "engine/ops/new_object.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Result<Entry> Symlink(Parts& parts, const Caller& caller, NodeId parent, Name name, std::string_view target) {
  PLY_TRY(InodeRef dir, FindDir(parts, parent));
  PLY_TRY(FreeName place, TakeFreeName(parts, dir, name));
  NewObject object;
  object.type = S_IFLNK;
  object.mode = 0777;
  if (target.size() > 1 && Planted(Plant::kSymlink)) target.remove_suffix(1);
  object.make = [to = std::string(target)](int at, const char* as, uint32_t) {
    return sys::SymlinkAt(to.c_str(), at, as);
  };
  return MakeNew(parts, caller, place, name, object);
}

}  // namespace plyfs::ops
