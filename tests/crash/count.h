// Counting: what engine/io says it changed on disk against what strace saw the daemon change, in one run.
//
// One thread, root, strace.
#ifndef PLYFS_TESTS_CRASH_COUNT_H_
#define PLYFS_TESTS_CRASH_COUNT_H_

#include <map>
#include <string>
#include <vector>

#include "tests/crash/options.h"

namespace plyfs::crash {

// Each case is a point; it passes when both counted the same of each kind of call.
Tally RunCount(const std::vector<Case>& script, const Options& options);

// The kind of call, as engine/io names it, that a line of `strace -y` is, if it changed something below
// `root` or makes a change by a descriptor; else empty.
std::string ChangeInStrace(const std::string& line, const std::string& root);

}  // namespace plyfs::crash

#endif  // PLYFS_TESTS_CRASH_COUNT_H_
