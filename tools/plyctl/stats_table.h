// What `plyctl stats` prints of the answer to its ioctl.  Pure; any thread.
#ifndef PLYFS_TOOLS_PLYCTL_STATS_TABLE_H_
#define PLYFS_TOOLS_PLYCTL_STATS_TABLE_H_

#include <string>

namespace plyfs::tool {

// Of the daemon's answer (format/stats_ioctl.h), which anyone's mount may have given: a line a figure, in
// columns, and what follows from them.
std::string StatsTable(const std::string& answer);

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYCTL_STATS_TABLE_H_
