// Layer paths: from the paths as the options gave them to ones that hold from any directory.
//
// Used by main before it forks, in the caller's working directory.  Whether a path is a usable layer is for
// UnionFs::Open to say.
#ifndef PLYFS_TOOLS_PLYFS_LAYER_PATHS_H_
#define PLYFS_TOOLS_PLYFS_LAYER_PATHS_H_

#include <string>

#include "engine/base/result.h"
#include "engine/format/mount_options.h"

namespace plyfs::tool {

// Chooses between the two readings of escapes (the kernel's, unless something it names is missing and all
// that fuse-overlayfs would have read exists), makes paths absolute without touching their "..", which may
// follow a symlink, and, as fuse-overlayfs, leaves out lowers that are named again.
Status PlaceLayers(ParsedOptions& options, Personality personality, std::string* error_line);

// The directory to mount on, absolute and without symlinks; "/dev/fd/N" stays.
Result<std::string> PlaceMountpoint(const std::string& given, std::string* error_line);

// Refuses to hide a live mount of ours (`type` or "fuse.plyfs") that is the topmost at the mountpoint, unless
// one of the layers lies in it: then it is covered on purpose.
Status CheckMountpointFree(const StackConfig& stack, const std::string& mountpoint, const std::string& type,
                           std::string* error_line);

// N of "/dev/fd/N", a connection that the caller has mounted; -1: another path.
int MountedFd(const std::string& mountpoint);

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYFS_LAYER_PATHS_H_
