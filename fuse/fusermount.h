// fusermount3: the setuid helper that mounts for ordinary users.
//
// Used by the program's main thread only.
#ifndef PLYFS_FUSE_FUSERMOUNT_H_
#define PLYFS_FUSE_FUSERMOUNT_H_

#include <string>

#include "engine/base/result.h"

namespace plyfs::fuse {

// Mounts and returns the connection's descriptor.  On failure *cause is what the helper said, on one line.
// With auto_unmount among the options the helper stays and unmounts when this process is gone.
Result<int> FusermountMount(const std::string& mountpoint, const std::string& options, std::string* cause);

// EBUSY when the helper refuses.
Status FusermountUnmount(const std::string& mountpoint, bool lazy);

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_FUSERMOUNT_H_
