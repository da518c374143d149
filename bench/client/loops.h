// The timed loops: one operation on each name of a list, by one thread or by several that share the list.
//
// Called by main; the threads are made before the clock starts and gone when the function returns.
#ifndef PLYFS_BENCH_CLIENT_LOOPS_H_
#define PLYFS_BENCH_CLIENT_LOOPS_H_

#include <optional>
#include <string>
#include <vector>

#include "bench/client/outcome.h"

namespace plyfs::bench {

struct LoopPlan {
  std::vector<std::string> names;  // relative to the working directory
  int threads = 1;
  int passes = 1;                     // over the whole list
  std::chrono::nanoseconds limit{0};  // 0: none
};

// stat, absent, list, read, create, append (see --help of the client); nothing for another word.
std::optional<Outcome> RunLoop(const std::string& operation, const LoopPlan& plan);

}  // namespace plyfs::bench

#endif  // PLYFS_BENCH_CLIENT_LOOPS_H_
