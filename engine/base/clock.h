// The clock that only goes forward, in the resolution of a tick.  Any thread; no system call.
#ifndef PLYFS_ENGINE_BASE_CLOCK_H_
#define PLYFS_ENGINE_BASE_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace plyfs {

inline uint32_t MonotonicSeconds() {
  struct timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<uint32_t>(now.tv_sec);
}

}  // namespace plyfs

#endif  // PLYFS_ENGINE_BASE_CLOCK_H_
