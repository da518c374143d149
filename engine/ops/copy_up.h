// CopyUp: an object's way from a lower layer into upper, with every directory above it (semantics C).
//
// Any thread; blocks.  Single flight an object: others wait and go on with the result (C12).  Nothing
// half-done is ever seen in upper: everything is made in W/work and becomes visible by one link or rename,
// never over a name that has appeared meanwhile (C3).  Failure leaves upper and work as they were, but for
// ancestors already copied (C10).
#ifndef PLYFS_ENGINE_OPS_COPY_UP_H_
#define PLYFS_ENGINE_OPS_COPY_UP_H_

#include "engine/ops/parts.h"

namespace plyfs {

enum class CopyUpData {
  kAll,
  kNone,  // about to be truncated to nothing (C9)
};

// Returns at once for what is in upper already.  EROFS: no upper, or a read-only mount; ESTALE: the lower
// object is gone; EOVERFLOW: its owner does not map (C11); and what the layers' filesystems report.
Status CopyUp(Parts& parts, const InodeRef& inode, CopyUpData data = CopyUpData::kAll);

// Marks an upper directory that is to hold an object with an origin (C2).
Status MarkImpure(Parts& parts, int upper_dir);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_COPY_UP_H_
