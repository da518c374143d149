// File handles and the identity of filesystems: what overlay records store to know an object again (X1-X3).
//
// Values and thin calls; any thread.
#ifndef PLYFS_ENGINE_IO_SYS_HANDLE_H_
#define PLYFS_ENGINE_IO_SYS_HANDLE_H_

#include <array>
#include <cstdint>
#include <string>

#include "engine/base/result.h"
#include "engine/io/unique_fd.h"

namespace plyfs::sys {

struct FileHandle {
  int32_t type = 0;
  std::string bytes;  // at most MAX_HANDLE_SZ (128)

  friend bool operator==(const FileHandle& a, const FileHandle& b) = default;
};

using FsId = std::array<uint8_t, 16>;

// The handle of what `fd` holds (O_PATH or not), in the form that can be opened again.  EOPNOTSUPP: this
// filesystem has none.
Result<FileHandle> NameToHandleAt(int fd);

// The object of `handle` on the filesystem that `mount_fd` (not O_PATH) lies on.  ESTALE: it is gone.  EPERM:
// no CAP_DAC_READ_SEARCH in the initial user namespace.  EINVAL, EOVERFLOW: not a handle.
Result<UniqueFd> OpenByHandleAt(int mount_fd, const FileHandle& handle, int flags);

// The UUID of the filesystem that `fd` (O_PATH or not) lies on, as origin records hold it (X2): the
// superblock's, for btrfs the fsid.  ENOTTY: none is known; kernels before 6.9 tell it for ext4, xfs and
// btrfs only.
Result<FsId> FilesystemUuid(int fd);

}  // namespace plyfs::sys

#endif  // PLYFS_ENGINE_IO_SYS_HANDLE_H_
