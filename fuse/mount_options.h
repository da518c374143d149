// The option texts that mount(2) and fusermount3 take, and what N stands in /dev/fd/N.  Pure.
#ifndef PLYFS_FUSE_MOUNT_OPTIONS_H_
#define PLYFS_FUSE_MOUNT_OPTIONS_H_

#include <optional>
#include <string>
#include <string_view>

#include "fuse/mount.h"

namespace plyfs::fuse {

// What the kernel's fuse filesystem parses (fs/fuse/inode.c:fuse_fs_parameters).
std::string KernelOptions(const MountSpec& spec, int fd, unsigned uid, unsigned gid);

// What fusermount3 knows; it always adds nosuid and nodev for ordinary users and takes fsname and subtype.
std::string FusermountOptions(const MountSpec& spec);

// The descriptor that "/dev/fd/N" names; nothing for any other path.
std::optional<int> MountedDescriptor(std::string_view mountpoint);

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_MOUNT_OPTIONS_H_
