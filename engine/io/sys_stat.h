// Attributes of files and filesystems.
//
// Names are single components: these calls resolve without RESOLVE_BENEATH, so a path of several could be led
// astray by a symlink.  A name that is a mount point answers for what is mounted (compare stx_mnt_id).
// No symlink is followed.  Any thread.
#ifndef PLYFS_ENGINE_IO_SYS_STAT_H_
#define PLYFS_ENGINE_IO_SYS_STAT_H_

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cstdint>

#include "engine/base/result.h"

namespace plyfs::sys {

inline constexpr unsigned kStatxMask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID;

// The object named `name` in `dirfd`.  `flags` are statx's AT_ flags; AT_SYMLINK_NOFOLLOW and AT_NO_AUTOMOUNT
// are added.
Result<struct statx> Statx(int dirfd, const char* name, int flags = 0, unsigned mask = kStatxMask);

// The object that `fd` holds, O_PATH or not.
Result<struct statx> StatxFd(int fd, unsigned mask = kStatxMask);

// The btrfs or bcachefs subvolume, 0 where the kernel or the filesystem does not tell.  A number space of its
// own for inode numbers (S4).
Result<uint64_t> Subvolume(int fd);

Result<struct statfs> FStatFs(int fd);

// Whether this thread (its fsuid and capabilities: AT_EACCESS) may do `mode` (R_OK | W_OK | X_OK, or F_OK).
// An empty name means `dirfd` itself, which may be O_PATH.
Status Access(int dirfd, const char* name, int mode);

}  // namespace plyfs::sys

#endif  // PLYFS_ENGINE_IO_SYS_STAT_H_
