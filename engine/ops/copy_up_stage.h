// StageCopy: the copy of a lower object, complete and durable by policy, in W/work and without its name yet.
//
// Any thread; blocks.  Part of copy_up.cc, which puts the copy into place.  A copy that is not put into place
// leaves nothing behind (C10).
#ifndef PLYFS_ENGINE_OPS_COPY_UP_STAGE_H_
#define PLYFS_ENGINE_OPS_COPY_UP_STAGE_H_

#include <optional>

#include "engine/ops/copy_up.h"
#include "engine/ops/parts.h"

namespace plyfs {

struct StagedCopy {
  std::optional<WorkTemp> temp;  // its name in W/work; none for a nameless regular file (O_TMPFILE)
  UniqueFd fd;
  ObjectId object;
  bool has_origin = false;
  bool splits = false;  // a file that had several lower links (S6)
};

Result<StagedCopy> StageCopy(Parts& parts, const InodeRef& inode, CopyUpData data);

// Gives `to` the owner, mode, extended attributes and times of `from`, but no overlay records.
Status CopyMetadata(Parts& parts, int from, int to);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_COPY_UP_STAGE_H_
