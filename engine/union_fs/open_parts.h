// OpenParts: mounts the engine: a list of steps, each of which can refuse.
//
// Called once by UnionFs::Open, on its thread.
#ifndef PLYFS_ENGINE_UNION_FS_OPEN_PARTS_H_
#define PLYFS_ENGINE_UNION_FS_OPEN_PARTS_H_

#include <memory>
#include <string>

#include "engine/ops/parts.h"

namespace plyfs {

// On failure *error_line is "OPTION=VALUE: cause; remedy".
Result<std::unique_ptr<Parts>> OpenParts(const StackConfig& config, std::string* error_line);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_UNION_FS_OPEN_PARTS_H_
