#include "engine/io/sys_file.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/io/sys_call.h"

namespace plyfs::sys {
namespace {

// Repeats `step(done)` until all is done, a step gives nothing, or one fails.
template <typename Step>
Result<size_t> Repeat(size_t size, Step step) {
  size_t done = 0;
  while (done < size) {
    Result<ssize_t> moved = step(done);
    if (!moved.ok()) {
      if (done > 0) break;
      return moved.status();
    }
    if (*moved == 0) break;
    done += static_cast<size_t>(*moved);
  }
  return done;
}

}  // namespace

Result<size_t> Pread(int fd, void* buffer, size_t size, uint64_t offset) {
  return Repeat(size, [&](size_t done) {
    return CallSized(Op::kRead, size - done, [&](size_t count) {
      return ::pread(fd, static_cast<char*>(buffer) + done, count, static_cast<off_t>(offset + done));
    });
  });
}

Result<size_t> Pwrite(int fd, const void* buffer, size_t size, uint64_t offset) {
  return Repeat(size, [&](size_t done) {
    return CallSized(Op::kWrite, size - done, [&](size_t count) {
      return ::pwrite(fd, static_cast<const char*>(buffer) + done, count, static_cast<off_t>(offset + done));
    });
  });
}

bool WritesAtEnd(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_APPEND) != 0;
}

Status Ftruncate(int fd, uint64_t size) {
  return Do(Op::kTruncate, [&] { return ::ftruncate(fd, static_cast<off_t>(size)); });
}

Status Fallocate(int fd, int mode, uint64_t offset, uint64_t size) {
  return Do(Op::kFallocate,
            [&] { return ::fallocate(fd, mode, static_cast<off_t>(offset), static_cast<off_t>(size)); });
}

Result<uint64_t> Lseek(int fd, int64_t offset, int whence) {
  PLY_TRY(off_t at, Call(Op::kSeek, [&] { return ::lseek(fd, offset, whence); }));
  return static_cast<uint64_t>(at);
}

Status Fsync(int fd) {
  return Do(Op::kFsync, [&] { return ::fsync(fd); });
}

Status Fdatasync(int fd) {
  return Do(Op::kFsync, [&] { return ::fdatasync(fd); });
}

Status SyncFs(int fd) {
  return Do(Op::kSyncFs, [&] { return ::syncfs(fd); });
}

Result<size_t> CopyFileRange(int from, uint64_t from_offset, int to, uint64_t to_offset, size_t size) {
  off_t in = static_cast<off_t>(from_offset);
  off_t out = static_cast<off_t>(to_offset);
  PLY_TRY(ssize_t copied, CallSized(Op::kCopyFileRange, size, [&](size_t count) {
            return ::copy_file_range(from, &in, to, &out, count, 0);
          }));
  return static_cast<size_t>(copied);
}

Status FiClone(int from, int to) {
  return Do(Op::kClone, [&] { return ::ioctl(to, FICLONE, from); });
}

Result<int> GetFlags(int fd) {
  // The request says long, but the kernel writes an int (fs/ioctl.c:ioctl_getflags).
  int flags = 0;
  PLY_CHECK(Do(Op::kGetFlags, [&] { return ::ioctl(fd, FS_IOC_GETFLAGS, &flags); }));
  return flags;
}

Status SetFlags(int fd, int flags) {
  return Do(Op::kSetFlags, [&] { return ::ioctl(fd, FS_IOC_SETFLAGS, &flags); });
}

Result<struct fsxattr> GetFsxattr(int fd) {
  struct fsxattr attributes = {};
  PLY_CHECK(Do(Op::kGetFlags, [&] { return ::ioctl(fd, FS_IOC_FSGETXATTR, &attributes); }));
  return attributes;
}

Status SetFsxattr(int fd, const struct fsxattr& attributes) {
  return Do(Op::kSetFlags, [&] { return ::ioctl(fd, FS_IOC_FSSETXATTR, &attributes); });
}

}  // namespace plyfs::sys
