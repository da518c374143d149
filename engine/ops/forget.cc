#include "engine/ops/ops.h"

namespace plyfs::ops {

void Forget(Parts& parts, NodeId node, uint64_t count) {
  parts.tree.inodes.Forget(node, count);
}

}  // namespace plyfs::ops
