// The ioctl by which `plyctl stats` asks a mount for its figures: lines of "name value", filled up with NUL.
// Answered by the daemon (fuse/control.cc) on any directory or file, to root and to who mounted it; EPERM to
// others.  What is no plyfs says ENOTTY.
#ifndef PLYFS_ENGINE_FORMAT_STATS_IOCTL_H_
#define PLYFS_ENGINE_FORMAT_STATS_IOCTL_H_

#include <linux/ioctl.h>

#include <cstddef>
#include <cstdint>

namespace plyfs {

inline constexpr size_t kStatsSize = 4096;
inline constexpr uint32_t kStatsIoctl = _IOC(_IOC_READ, 'P', 0xf5, kStatsSize);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_STATS_IOCTL_H_
