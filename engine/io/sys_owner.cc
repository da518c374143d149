#include "engine/io/sys_owner.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "engine/io/sys_call.h"

namespace plyfs::sys {
namespace {

constexpr long kFchmodat2 = 452;  // SYS_fchmodat2, Linux 6.6

// Set once the kernel has said that it lacks fchmodat2.
std::atomic<bool> no_fchmodat2{false};

}  // namespace

Status Chown(int fd, uid_t uid, gid_t gid) {
  return Do(Op::kChown, [&] { return ::fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW); });
}

Status Chmod(int fd, mode_t mode) {
  bool by_path = no_fchmodat2.load(std::memory_order_relaxed) || FaultAt(Op::kFchmodat2) == ENOSYS;
  if (!by_path) {
    Status status = Do(Op::kChmod, [&] {
      return static_cast<int>(::syscall(kFchmodat2, fd, "", mode, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
    });
    if (status.error() != ENOSYS) return status;
    no_fchmodat2.store(true, std::memory_order_relaxed);
  }
  FdPath path(fd);
  return Do(Op::kChmod, [&] { return ::chmod(path.c_str(), mode); });
}

Status Utimens(int fd, const struct timespec times[2]) {
  FdPath path(fd);
  return Do(Op::kUtimens, [&] {
    int result = ::utimensat(fd, "", times, AT_EMPTY_PATH);
    // AT_EMPTY_PATH is younger than the call (fs/utimes.c:do_utimes_path, Linux 5.8).
    if (result == 0 || errno != EINVAL) return result;
    return ::utimensat(AT_FDCWD, path.c_str(), times, 0);
  });
}

}  // namespace plyfs::sys
