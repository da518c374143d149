// Owner, mode and times of what a descriptor holds, O_PATH or not.
//
// A symlink held by O_PATH|O_NOFOLLOW is itself changed; its mode cannot be (EOPNOTSUPP).  Any thread.
#ifndef PLYFS_ENGINE_IO_SYS_OWNER_H_
#define PLYFS_ENGINE_IO_SYS_OWNER_H_

#include <sys/types.h>
#include <time.h>

#include "engine/base/result.h"

namespace plyfs::sys {

// -1 leaves an id as it is.
Status Chown(int fd, uid_t uid, gid_t gid);
Status Chmod(int fd, mode_t mode);
// Access and modification time; tv_nsec may be UTIME_NOW or UTIME_OMIT.
Status Utimens(int fd, const struct timespec times[2]);

}  // namespace plyfs::sys

#endif  // PLYFS_ENGINE_IO_SYS_OWNER_H_
