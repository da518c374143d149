#include "engine/io/sys_xattr.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <memory>

#include "engine/io/sys_call.h"

namespace plyfs::sys {
namespace {

// Reads what `read(buffer, size)` gives, first into a buffer on the stack, since nearly every record of an
// overlay is short, then into one that holds all there can be: no asking for the size, so no race with a
// writer that makes it longer.
template <typename Read>
Result<std::string> ReadAll(Read read) {
  char small[256];
  Result<size_t> size = read(small, sizeof small);
  if (size.ok()) return std::string(small, *size);
  if (size.error() != ERANGE) return size.status();
  std::unique_ptr<char[]> large(new char[kXattrMax]);
  PLY_TRY(size_t full, read(large.get(), kXattrMax));
  return std::string(large.get(), full);
}

Result<size_t> Length(Result<ssize_t> result) {
  if (!result.ok()) return result.status();
  return static_cast<size_t>(*result);
}

// The calls by directory and name of Linux 6.13, without glibc's help (include/uapi/linux/xattr.h).  They
// refuse O_PATH descriptors with an empty name (fs/xattr.c:path_getxattrat uses fdget), but save most of the
// walk through /proc: 2 us for a directory (its "."), 4 for the rest (by an open /proc/self/fd), against 6.
struct XattrArgs {
  alignas(8) uint64_t value = 0;
  uint32_t size = 0;
  uint32_t flags = 0;
};
enum : long { kSetXattrAt = 463, kGetXattrAt = 464, kListXattrAt = 465, kRemoveXattrAt = 466 };

ssize_t GetAt(int dirfd, const char* path, const char* name, void* buffer, size_t size) {
  XattrArgs args = {reinterpret_cast<uint64_t>(buffer), static_cast<uint32_t>(size), 0};
  return ::syscall(kGetXattrAt, dirfd, path, 0, name, &args, sizeof args);
}

// Asked once: seccomp may answer an unknown call with EPERM, which later could not be told from a real one.
bool HaveXattrAt() {
  static const bool have =
      GetAt(AT_FDCWD, "/", "user.plyfs.probe", nullptr, 0) >= 0 || (errno != ENOSYS && errno != EPERM);
  return have;
}

// An open /proc/self/fd, or -1.  "self" is settled when it is opened, so a child opens its own.
std::atomic<int> proc_fd{-1};

int ProcFd() {
  int fd = proc_fd.load(std::memory_order_acquire);
  if (fd >= 0) return fd;
  static const int forget_in_child = ::pthread_atfork(nullptr, nullptr, [] { proc_fd.store(-1); });
  if (forget_in_child != 0) return -1;
  int opened = ::open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0 || proc_fd.compare_exchange_strong(fd, opened, std::memory_order_acq_rel)) return opened;
  ::close(opened);
  return fd;
}

// Acts on what `fd` holds, by at(dirfd, path) where the kernel has such calls, else by plain(path).
template <typename At, typename Plain>
auto OnObject(int fd, Holds holds, At at, Plain plain) -> decltype(plain("")) {
  if (FaultAt(Op::kXattrAt) == 0 && HaveXattrAt()) {
    if (holds != Holds::kNoDirectory) {
      auto result = at(fd, ".");
      // Not a directory, or one that may not be searched, which /proc does not mind.
      if (result >= 0 || (errno != ENOTDIR && errno != EACCES)) return result;
    }
    if (int proc = ProcFd(); proc >= 0) {
      char number[16];
      *std::to_chars(number, number + sizeof number - 1, fd).ptr = '\0';
      return at(proc, number);
    }
  }
  return plain(FdPath(fd).c_str());
}

}  // namespace

Result<size_t> GetXattr(int fd, const char* name, void* buffer, size_t size, Holds holds) {
  if (holds == Holds::kOpened) return FGetXattr(fd, name, buffer, size);
  return Length(Call(Op::kGetXattr, [&] {
    return OnObject(
        fd, holds, [&](int dirfd, const char* path) { return GetAt(dirfd, path, name, buffer, size); },
        [&](const char* path) { return ::getxattr(path, name, buffer, size); });
  }));
}

Result<size_t> FGetXattr(int fd, const char* name, void* buffer, size_t size) {
  return Length(Call(Op::kGetXattr, [&] { return ::fgetxattr(fd, name, buffer, size); }));
}

Result<std::string> GetXattr(int fd, const char* name, Holds holds) {
  return ReadAll([&](char* buffer, size_t size) { return GetXattr(fd, name, buffer, size, holds); });
}

Result<std::string> FGetXattr(int fd, const char* name) {
  return ReadAll([&](char* buffer, size_t size) { return FGetXattr(fd, name, buffer, size); });
}

Status SetXattr(int fd, const char* name, std::string_view value, int flags) {
  XattrArgs args = {reinterpret_cast<uint64_t>(value.data()), static_cast<uint32_t>(value.size()),
                    static_cast<uint32_t>(flags)};
  return Do(Op::kSetXattr, [&] {
    return OnObject(
        fd, Holds::kAnything,
        [&](int dirfd, const char* path) {
          return static_cast<int>(::syscall(kSetXattrAt, dirfd, path, 0, name, &args, sizeof args));
        },
        [&](const char* path) { return ::setxattr(path, name, value.data(), value.size(), flags); });
  });
}

Status FSetXattr(int fd, const char* name, std::string_view value, int flags) {
  return Do(Op::kSetXattr, [&] { return ::fsetxattr(fd, name, value.data(), value.size(), flags); });
}

Status RemoveXattr(int fd, const char* name) {
  return Do(Op::kRemoveXattr, [&] {
    return OnObject(
        fd, Holds::kAnything,
        [&](int dirfd, const char* path) {
          return static_cast<int>(::syscall(kRemoveXattrAt, dirfd, path, 0, name));
        },
        [&](const char* path) { return ::removexattr(path, name); });
  });
}

Status FRemoveXattr(int fd, const char* name) {
  return Do(Op::kRemoveXattr, [&] { return ::fremovexattr(fd, name); });
}

Result<std::string> ListXattr(int fd, Holds holds) {
  if (holds == Holds::kOpened) return FListXattr(fd);
  return ReadAll([&](char* buffer, size_t size) {
    return Length(Call(Op::kListXattr, [&] {
      return OnObject(
          fd, holds,
          [&](int dirfd, const char* path) {
            return static_cast<ssize_t>(::syscall(kListXattrAt, dirfd, path, 0, buffer, size));
          },
          [&](const char* path) { return ::listxattr(path, buffer, size); });
    }));
  });
}

Result<std::string> ListXattrAt(int dirfd, const char* name) {
  return ReadAll([&](char* buffer, size_t size) {
    return Length(Call(Op::kListXattr, [&] {
      if (FaultAt(Op::kXattrAt) == 0 && HaveXattrAt()) {
        return static_cast<ssize_t>(::syscall(kListXattrAt, dirfd, name, AT_SYMLINK_NOFOLLOW, buffer, size));
      }
      return ::llistxattr((std::string(FdPath(dirfd).c_str()) + "/" + name).c_str(), buffer, size);
    }));
  });
}

Result<std::string> FListXattr(int fd) {
  return ReadAll([&](char* buffer, size_t size) {
    return Length(Call(Op::kListXattr, [&] { return ::flistxattr(fd, buffer, size); }));
  });
}

}  // namespace plyfs::sys
