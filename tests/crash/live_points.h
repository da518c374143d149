// Live points: each call that an act makes fails once in the daemon of a real mount, whose client has looked
// at the whole tree before: what it caches must be as true afterwards as what it asks for.
//
// One thread, root, /dev/fuse.
#ifndef PLYFS_TESTS_CRASH_LIVE_POINTS_H_
#define PLYFS_TESTS_CRASH_LIVE_POINTS_H_

#include <vector>

#include "tests/crash/options.h"

namespace plyfs::crash {

// Prints a line a case and, for each point that fails, what was wrong.
Tally RunLivePoints(const std::vector<Case>& script, const Options& options);

}  // namespace plyfs::crash

#endif  // PLYFS_TESTS_CRASH_LIVE_POINTS_H_
