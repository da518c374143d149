// Stats: what a mount holds in memory and has done so far, for `plyctl stats`.
//
// Any thread; walks all inodes, and blocks on nothing but locks.
#ifndef PLYFS_ENGINE_OPS_STATS_H_
#define PLYFS_ENGINE_OPS_STATS_H_

#include <cstdint>
#include <vector>

namespace plyfs {

struct Parts;

struct Stat {
  const char* name;
  uint64_t value;
};
std::vector<Stat> Stats(Parts& parts);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_STATS_H_
