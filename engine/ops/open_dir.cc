#include "engine/ops/locate.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Result<Opened> OpenDir(Parts& parts, NodeId node, uint32_t flags) {
  PLY_TRY(InodeRef dir, FindDir(parts, node));
  Opened opened;
  opened.handle = parts.dirs.Add(dir, flags);
  return opened;
}

}  // namespace plyfs::ops
