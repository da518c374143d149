// The operation script: what script.txt says, parsed.
//
// Values; any thread.
#ifndef PLYFS_TESTS_CRASH_SCRIPT_H_
#define PLYFS_TESTS_CRASH_SCRIPT_H_

#include <string>
#include <string_view>
#include <vector>

#include "tests/differential/step.h"

namespace plyfs::crash {

// A step, or `chattr`, which the differential test has no step for.
struct Act {
  diff::Step step;
  bool chattr = false;  // of step.path, to the flags step.a
};
std::string ActText(const Act& act);
// It changes a file in place, a stretch at a time, so that a failure may leave any part of that done.
bool ChangesData(const Act& act);

struct Case {
  std::string name;
  bool redirect = false;  // redirect_dir=on
  bool sync = false;      // fsync=strict
  bool once = false;      // what has failed cannot be tried again
  std::vector<Act> before, acts;
};

// False and one line in *error when a line cannot be read.
bool ParseScript(std::string_view text, std::vector<Case>* cases, std::string* error);

}  // namespace plyfs::crash

#endif  // PLYFS_TESTS_CRASH_SCRIPT_H_
