// Hands: layers changed by hand under a live mount with lower=watch, while a client uses it; after each round
// the client must see, within a second of the last change (semantics U2), what a fresh plyfs mount and a
// fresh kernel overlay mount of the same layers show.
//
// One thread, root; everything made is below `dir` and gone at the end, unless `keep`.
#ifndef PLYFS_TESTS_DIFFERENTIAL_HANDS_H_
#define PLYFS_TESTS_DIFFERENTIAL_HANDS_H_

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "tests/differential/run.h"

namespace plyfs::diff {

struct HandsPlan {
  RunPlan run;  // its world, redirect mode, program, directory, dropped entries
  int rounds = 8;
  int patience_ms = 1000;  // U2
  std::set<size_t> kept;   // of the acts that the seed gives; with `some` all others are left out
  bool some = false;
};

struct HandsResult {
  std::optional<Difference> difference;
  size_t acts = 0;       // drawn
  uint64_t changes = 0;  // by hand that succeeded
  int slowest_ms = 0;    // from the last change of a round to equality
  std::string text;      // the acts performed, a line each
};

HandsResult PerformHands(const HandsPlan& plan, Masks* masks, Table* table);

// All seeds of a program run, or the one of `replay` (a file that an earlier run wrote); shrinks what it
// finds and says so.  Gives the exit status.
struct HandsArguments {
  HandsPlan plan;
  std::string redirect;  // on, off or both
  uint64_t first_seed = 1, seeds = 20;
  int64_t seconds = 0;
  bool shrink = true, all = false;
  std::string out, replay;
  std::function<bool()> stop;
};
int HandsMain(HandsArguments args);

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_HANDS_H_
