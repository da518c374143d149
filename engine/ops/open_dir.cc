#include "engine/ops/locate.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Result<Opened> OpenDir(Parts& parts, NodeId node) {
  PLY_TRY(InodeRef dir, FindDir(parts, node));
  Opened opened;
  opened.handle = parts.dirs.Add(dir);
  return opened;
}

}  // namespace plyfs::ops
