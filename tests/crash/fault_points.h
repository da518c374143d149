// Fault points: each system call of each case fails once, in this process, without a mount.
//
// One thread, root.
#ifndef PLYFS_TESTS_CRASH_FAULT_POINTS_H_
#define PLYFS_TESTS_CRASH_FAULT_POINTS_H_

#include <vector>

#include "tests/crash/options.h"

namespace plyfs::crash {

// Prints a line a case and, for each point that fails, what was wrong.
Tally RunFaultPoints(const std::vector<Case>& script, const Options& options);

}  // namespace plyfs::crash

#endif  // PLYFS_TESTS_CRASH_FAULT_POINTS_H_
