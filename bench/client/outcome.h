// Outcome: what a timed run of the benchmarks' client came to.  A value.
#ifndef PLYFS_BENCH_CLIENT_OUTCOME_H_
#define PLYFS_BENCH_CLIENT_OUTCOME_H_

#include <chrono>
#include <cstdint>
#include <string>

namespace plyfs::bench {

using Clock = std::chrono::steady_clock;

struct Outcome {
  uint64_t ns = 0;       // from the common start of all clients to the end of the last
  uint64_t cpu_ns = 0;   // of the clients, in user and kernel mode
  uint64_t ops = 0;      // operations done
  uint64_t entries = 0;  // names that listings gave
  bool cut = false;      // stopped at the limit, before all was done
  std::string error;     // not empty: the figures mean nothing
};

}  // namespace plyfs::bench

#endif  // PLYFS_BENCH_CLIENT_OUTCOME_H_
