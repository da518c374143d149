// A walk that brings every name and its attributes into the kernel's caches.
#ifndef PLYFS_BENCH_CLIENT_WALK_H_
#define PLYFS_BENCH_CLIENT_WALK_H_

#include <string>
#include <vector>

#include "bench/client/outcome.h"

namespace plyfs::bench {

// Lists and stats all below `roots`, `threads` roots at a time.  ops is the number of names.
Outcome Walk(const std::vector<std::string>& roots, int threads);

}  // namespace plyfs::bench

#endif  // PLYFS_BENCH_CLIENT_WALK_H_
