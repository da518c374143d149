// Replay files: a run as text, to be performed again by hand.
//
//   # comment
//   world seed=7 lowers=5 redirect=1
//   dropped 3 17
//   mkdir path=a/b a=493 b=18
//   ...
//
// Pure but for reading and writing the file; any thread.
#ifndef PLYFS_TESTS_DIFFERENTIAL_REPLAY_H_
#define PLYFS_TESTS_DIFFERENTIAL_REPLAY_H_

#include <string>

#include "tests/differential/run.h"

namespace plyfs::diff {

// World, left-out entries and fixed steps of `plan`, with the world's entries as comments.
std::string FormatReplay(const RunPlan& plan);
// Fills these fields of *plan.  Empty, or what is wrong with which line.
std::string ParseReplay(const std::string& text, RunPlan* plan);

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_REPLAY_H_
