// OpenParts: mounts the engine: a list of steps, each of which can refuse.
//
// Called by UnionFs, each once, on its caller's thread.
#ifndef PLYFS_ENGINE_UNION_FS_OPEN_PARTS_H_
#define PLYFS_ENGINE_UNION_FS_OPEN_PARTS_H_

#include <memory>
#include <string>

#include "engine/ops/parts.h"

namespace plyfs {

// Opens all layers and takes the locks; changes nothing on disk.  On failure *error_line is
// "OPTION=VALUE: cause; remedy", likewise below.
Result<std::unique_ptr<Parts>> ClaimParts(const StackConfig& config, std::string* error_line);
// The first changes on disk: W/work and the uuid of upper.  Before the first request.
Status PrepareParts(Parts& parts, std::string* error_line);
// Both.
Result<std::unique_ptr<Parts>> OpenParts(const StackConfig& config, std::string* error_line);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_UNION_FS_OPEN_PARTS_H_
