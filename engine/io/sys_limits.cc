#include "engine/io/sys_limits.h"

#include <sys/resource.h>

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

uint64_t DescriptorLimit() {
  struct rlimit limit;
  constexpr uint64_t kLeast = 1024;  // what POSIX systems begin with
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<uint64_t>(limit.rlim_cur) : kLeast;
}

}  // namespace plyfs::sys
