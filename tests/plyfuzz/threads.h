// Threads: several clients at once on one mount.  What they did has no order, but an end: the mount must then
// show what a fresh mount of the same layers shows, and what the reference shows of them.  Between mounts the
// lowers may be changed by hand.
//
// Called by one thread, root, which makes the others; leaves no mount behind.
#ifndef PLYFS_TESTS_PLYFUZZ_THREADS_H_
#define PLYFS_TESTS_PLYFUZZ_THREADS_H_

#include <optional>

#include "tests/differential/run.h"

namespace plyfs::fuzz {

struct ThreadsPlan {
  diff::RunPlan run;  // what is mounted, and how many steps each thread takes
  int threads = 1;
  bool changed_lowers = false;  // mounted several times, the lowers changed each time before
};
std::optional<diff::Difference> PerformThreads(const ThreadsPlan& plan, diff::Masks* masks);

}  // namespace plyfs::fuzz

#endif  // PLYFS_TESTS_PLYFUZZ_THREADS_H_
