// Extended attributes of what a descriptor holds.
//
// The plain functions take any descriptor, O_PATH too (then by /proc/self/fd: a symlink held by
// O_PATH|O_NOFOLLOW is itself acted on); the F functions take real ones and save the walk through /proc,
// about a microsecond.  ENODATA, EOPNOTSUPP and all else are kept.  Any thread.
#ifndef PLYFS_ENGINE_IO_SYS_XATTR_H_
#define PLYFS_ENGINE_IO_SYS_XATTR_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace plyfs::sys {

// No value and no list is longer (include/uapi/linux/limits.h: XATTR_SIZE_MAX, XATTR_LIST_MAX).
inline constexpr size_t kXattrMax = 65536;

// What the caller knows of a descriptor already saves a call that would fail, or a walk.
enum class Holds : uint8_t {
  kAnything,
  kNoDirectory,
  kOpened,  // a real descriptor, not O_PATH
};

Result<std::string> GetXattr(int fd, const char* name, Holds holds = Holds::kAnything);
Result<std::string> FGetXattr(int fd, const char* name);

// Into the caller's buffer: the value's length, or ERANGE when it does not fit.  Size 0 asks for the length.
Result<size_t> GetXattr(int fd, const char* name, void* buffer, size_t size, Holds holds = Holds::kAnything);
Result<size_t> FGetXattr(int fd, const char* name, void* buffer, size_t size);

// `flags`: 0, XATTR_CREATE or XATTR_REPLACE.
Status SetXattr(int fd, const char* name, std::string_view value, int flags = 0);
Status FSetXattr(int fd, const char* name, std::string_view value, int flags = 0);

Status RemoveXattr(int fd, const char* name);
Status FRemoveXattr(int fd, const char* name);

// The names as the kernel lists them, each ended by NUL.
Result<std::string> ListXattr(int fd, Holds holds = Holds::kAnything);
Result<std::string> FListXattr(int fd);
// Of the object named `name`, a single component, in the directory `dirfd`; a symlink's are its own.
Result<std::string> ListXattrAt(int dirfd, const char* name);

}  // namespace plyfs::sys

#endif  // PLYFS_ENGINE_IO_SYS_XATTR_H_
