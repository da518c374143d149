// StageCopy: the copy of a lower object, complete and durable by policy, in W/work and without its name yet.
//
// Any thread; blocks.  Part of copy_up.cc, which puts the copy into place.
#ifndef PLYFS_ENGINE_OPS_COPY_UP_STAGE_H_
#define PLYFS_ENGINE_OPS_COPY_UP_STAGE_H_

#include <string>

#include "engine/ops/copy_up.h"
#include "engine/ops/parts.h"

namespace plyfs {

struct StagedCopy {
  UniqueFd fd;             // nameless regular file (O_TMPFILE), to be linked; else O_PATH
  std::string temp_name;   // its name in W/work; empty for a nameless one
  ObjectId object;
  bool has_origin = false;
  bool splits = false;     // a file that had several lower links (S6)
};

Result<StagedCopy> StageCopy(Parts& parts, const InodeRef& inode, CopyUpData data);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_COPY_UP_STAGE_H_
