#include "engine/ops/dir_view.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"
#include "engine/ops/warm.h"

namespace plyfs::ops {

Result<Opened> OpenDir(Parts& parts, NodeId node, uint32_t flags) {
  PLY_TRY(InodeRef dir, FindDir(parts, node));
  return warm::OpenDir(parts.dirs, dir, flags, AtimeIsDue(parts, dir, flags));
}

}  // namespace plyfs::ops
