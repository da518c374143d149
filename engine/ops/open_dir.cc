#include "engine/ops/ops.h"
#include "engine/ops/warm.h"

namespace plyfs::ops {

Result<Opened> OpenDir(Parts& parts, NodeId node, uint32_t flags) {
  return warm::OpenDir(parts.tree, parts.dirs, node, flags);
}

}  // namespace plyfs::ops
