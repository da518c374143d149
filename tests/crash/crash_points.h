// Crash points: the daemon of a real mount dies before each change of the disk in turn, and with it the disk;
// plyfs and the kernel mount what is left.
//
// One thread, root, /dev/fuse, kernel overlayfs.
#ifndef PLYFS_TESTS_CRASH_CRASH_POINTS_H_
#define PLYFS_TESTS_CRASH_CRASH_POINTS_H_

#include <vector>

#include "tests/crash/options.h"

namespace plyfs::crash {

// Prints a line a case and, for each point that fails, what was wrong.
Tally RunCrashPoints(const std::vector<Case>& script, const Options& options);

}  // namespace plyfs::crash

#endif  // PLYFS_TESTS_CRASH_CRASH_POINTS_H_
