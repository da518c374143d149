#include "engine/ops/ops.h"

namespace plyfs::ops {

void ReleaseDir(Parts& parts, Handle handle) {
  parts.dirs.Remove(handle);
}

}  // namespace plyfs::ops
