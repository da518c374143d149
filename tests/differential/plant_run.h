// PlantRun: wakes the faults of engine/base/planted.h in the program, one after the other, and tells whether
// the differential test finds each.
//
// Owned by the program; one thread, root.  A fault is found when a run differs with it and the same run does
// not without it; that it keeps the program from mounting does not count.
#ifndef PLYFS_TESTS_DIFFERENTIAL_PLANT_RUN_H_
#define PLYFS_TESTS_DIFFERENTIAL_PLANT_RUN_H_

#include <signal.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/differential/run.h"

namespace plyfs::diff {

class PlantRun {
 public:
  struct Range {
    uint64_t first_seed = 1, seeds = 20;
    std::vector<bool> redirects = {false, true};
  };
  // Ends early once *stop is set.
  PlantRun(RunPlan plan, Range range, const volatile sig_atomic_t* stop)
      : plan_(std::move(plan)), range_(std::move(range)), stop_(stop) {}

  // `name`: of one, or "all".  A line each to stdout, the counts last; false: one was not found.
  bool Run(const std::string& name);
  // A line each: name, and what is wrong with it.
  static void List();

 private:
  bool Find(std::string_view name);
  // Whether the run of the seed agrees when nothing is planted.
  bool AgreesWithout(uint64_t seed, bool redirect);
  RunPlan PlanOf(uint64_t seed, bool redirect) const;

  const RunPlan plan_;
  const Range range_;
  const volatile sig_atomic_t* const stop_;
  std::map<std::pair<uint64_t, bool>, bool> agrees_;
};

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_PLANT_RUN_H_
