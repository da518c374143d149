// The data of open files, and their flags.
//
// Descriptors are real ones (not O_PATH).  Any thread.
#ifndef PLYFS_ENGINE_IO_SYS_FILE_H_
#define PLYFS_ENGINE_IO_SYS_FILE_H_

#include <linux/fs.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "engine/base/result.h"

namespace plyfs::sys {

// As much as there is, up to `size`: short only at the end of the file or before an error.  The error comes
// only when nothing was transferred before it, as with read(2) and write(2).
Result<size_t> Pread(int fd, void* buffer, size_t size, uint64_t offset);
Result<size_t> Pwrite(int fd, const void* buffer, size_t size, uint64_t offset);
// Whether Pwrite writes at the end whatever the offset (O_APPEND).
bool WritesAtEnd(int fd);

Status Ftruncate(int fd, uint64_t size);
Status Fallocate(int fd, int mode, uint64_t offset, uint64_t size);
// Moves the descriptor's own offset, as all forms of lseek do.  ENXIO: no data (or no offset) there.
Result<uint64_t> Lseek(int fd, int64_t offset, int whence);

Status Fsync(int fd);
Status Fdatasync(int fd);
// The whole filesystem that `fd` lies on.
Status SyncFs(int fd);

// One call: may copy less than asked; 0 at the end of the source.  EXDEV between filesystems that cannot.
Result<size_t> CopyFileRange(int from, uint64_t from_offset, int to, uint64_t to_offset, size_t size);
// All of `from` becomes the content of `to`, blocks shared.  EOPNOTSUPP, EXDEV, EINVAL, ENOTTY: cannot here.
Status FiClone(int from, int to);

// FS_*_FL as chattr(1) sets them.
Result<int> GetFlags(int fd);
Status SetFlags(int fd, int flags);
Result<struct fsxattr> GetFsxattr(int fd);
Status SetFsxattr(int fd, const struct fsxattr& attributes);

}  // namespace plyfs::sys

#endif  // PLYFS_ENGINE_IO_SYS_FILE_H_
