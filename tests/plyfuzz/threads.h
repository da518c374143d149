// Threads: several clients at once on one mount.  What they did has no order, but an end: the mount must then
// show what a fresh mount of the same layers shows, and what the reference shows of them.  Between mounts the
// lowers may be changed by hand.
//
// Called by one thread, root, which makes the others; leaves no mount behind.
#ifndef PLYFS_TESTS_PLYFUZZ_THREADS_H_
#define PLYFS_TESTS_PLYFUZZ_THREADS_H_

#include <signal.h>

#include <optional>
#include <vector>

#include "tests/differential/run.h"

namespace plyfs::fuzz {

// What each client does, in its order.
using ClientSteps = std::vector<std::vector<diff::Step>>;

struct ThreadsPlan {
  diff::RunPlan run;  // what is mounted, and how many steps each thread takes
  int threads = 1;
  bool changed_lowers = false;            // mounted several times, the lowers changed each time before
  std::optional<ClientSteps> fixed = {};  // these steps, and none that are drawn
};
struct ThreadsResult {
  std::optional<diff::Difference> difference;
  ClientSteps steps;  // of the last mount
};
ThreadsResult PerformThreads(const ThreadsPlan& plan, diff::Masks* masks);

// A shorter plan that ends in the same kind of difference: each trial is made several times, since what comes
// of clients that meet is chance.  Ends early once *stop is set.
ThreadsPlan ShrinkThreads(const ThreadsPlan& plan, const ThreadsResult& result, diff::Masks* masks,
                          const volatile sig_atomic_t* stop);

}  // namespace plyfs::fuzz

#endif  // PLYFS_TESTS_PLYFUZZ_THREADS_H_
