// Threads: several clients at once on one mount.  What they did has no order, but an end: the mount must then
// show what a fresh mount of the same layers shows, and what the reference shows of them.
//
// Called by one thread, root, which makes the others; leaves no mount behind.
#ifndef PLYFS_TESTS_PLYFUZZ_THREADS_H_
#define PLYFS_TESTS_PLYFUZZ_THREADS_H_

#include <optional>

#include "tests/differential/run.h"

namespace plyfs::fuzz {

// `plan` says what is mounted and how many steps each thread takes.
std::optional<diff::Difference> PerformThreads(const diff::RunPlan& plan, int threads, diff::Masks* masks);

}  // namespace plyfs::fuzz

#endif  // PLYFS_TESTS_PLYFUZZ_THREADS_H_
