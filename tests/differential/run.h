// Run: one world, one sequence of steps, both sides, to the first difference or the end.
//
// One thread, root.  Everything a run makes is below `dir` and is gone when it returns, unless `keep`.
#ifndef PLYFS_TESTS_DIFFERENTIAL_RUN_H_
#define PLYFS_TESTS_DIFFERENTIAL_RUN_H_

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/differential/compare.h"
#include "tests/differential/mounter.h"
#include "tests/differential/table.h"
#include "tests/differential/world.h"

namespace plyfs::diff {

// What Step::b of a remount says of the step before it: so many microseconds after it has begun the program
// is killed (SIGKILL), and not unmounted; or the filesystem of the layers is full until it is done.  Which of
// the two trees it leaves is chance, but it is one of them.
inline constexpr int64_t kFullDisk = -1;
// Whether a fault may come while the step is performed: it is one change, wholly done or not at all.  Others,
// those that move data among them, are done before a kill.
bool IsWhole(const Step& step);

struct RunPlan {
  WorldPlan world;           // its seed is the run's
  std::set<size_t> dropped;  // world entries left out
  std::set<int> absent;      // lowers that are not mounted
  bool redirect = false;
  size_t steps = 400;                      // drawn from the seed, unless
  std::optional<std::vector<Step>> fixed;  // these are given
  Against against;
  Against reference;    // what it is compared with
  std::string options;  // more mount options for both
  bool cross = true;    // each side mounts what the other wrote, and the uppers are compared
  // The program is killed, and the disk full, during some of the steps that are drawn.
  bool faults = false;
  std::set<std::string> ignored;  // kinds of differences that are not reported
  std::string dir;
  bool keep = false;
};

struct RunResult {
  std::optional<Difference> difference;
  // Those performed, the one that differed last.
  std::vector<Step> steps;
};

RunResult Perform(const RunPlan& plan, Masks* masks, Table* table);

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_RUN_H_
