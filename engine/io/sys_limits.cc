#include "engine/io/sys_limits.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace plyfs::sys {

Result<uint64_t> RaiseDescriptorLimit() {
  struct rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return LastErrno();
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return LastErrno();
  }
  return static_cast<uint64_t>(limit.rlim_cur);
}

void ReserveDescriptors(int count) {
  const int last = static_cast<int>(std::min<uint64_t>(static_cast<uint64_t>(count), DescriptorLimit())) - 1;
  const int fd = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, last);
  if (fd >= 0) ::close(fd);
}

uint64_t DescriptorLimit() {
  struct rlimit limit;
  constexpr uint64_t kLeast = 1024;  // what POSIX systems begin with
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<uint64_t>(limit.rlim_cur) : kLeast;
}

void CloseFilesAndDirectories() {
  const auto limit = static_cast<int>(DescriptorLimit());
  for (int fd = STDERR_FILENO + 1; fd < limit; ++fd) {
    struct statx st;
    if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) != 0) continue;
    // By number: whoever has it open is not asked, which ThreadSanitizer would report of close.
    if (S_ISREG(st.stx_mode) || S_ISDIR(st.stx_mode)) (void)::syscall(SYS_close, fd);
  }
}

}  // namespace plyfs::sys
