// Opening files: beneath a root, by descriptor, as a clone of a mount.
//
// Every descriptor is close-on-exec.  The kernel's errno is kept; any thread.
#ifndef PLYFS_ENGINE_IO_SYS_OPEN_H_
#define PLYFS_ENGINE_IO_SYS_OPEN_H_

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/types.h>

#include <cstdint>

#include "engine/base/result.h"
#include "engine/io/unique_fd.h"

namespace plyfs::sys {

// How every walk into a layer resolves: what the layer holds can lead it neither out of the layer nor through
// a symlink nor into another filesystem.
inline constexpr uint64_t kBeneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;

// openat2(2).  `mode` counts only where the flags can create a file.
Result<UniqueFd> OpenAt2(int dirfd, const char* path, int flags, mode_t mode, uint64_t resolve);

// `path` beneath `dirfd`, never following a symlink.  O_CLOEXEC and O_NOFOLLOW are added.  A symlink in the
// way is ELOOP; as the last component it is ELOOP too, but with O_PATH it is what is opened.  A way out of
// `dirfd`, or into a mount, is EXDEV.  The path may have more bytes than PATH_MAX.
Result<UniqueFd> OpenBeneath(int dirfd, const char* path, int flags, mode_t mode = 0);

// A second descriptor of the object that `fd` (O_PATH or not) holds, opened anew with `flags`.  A symlink is
// ELOOP.  Opening a FIFO or a device has the effects that it always has: the caller knows the type.
Result<UniqueFd> Reopen(int fd, int flags);

// A detached, non-recursive clone of the mount that `fd` lies on, rooted at `fd`: sees what submounts cover,
// and is private wherever mount_setattr(2) is to be had. EPERM without CAP_SYS_ADMIN over the mount
// namespace.
Result<UniqueFd> OpenTreeClone(int fd);

// dup(2), close-on-exec.
Result<UniqueFd> Dup(int fd);

}  // namespace plyfs::sys

#endif  // PLYFS_ENGINE_IO_SYS_OPEN_H_
