// ModelScript: a case whose answers were not the model's, as a POSIX shell script (script.h).
//
// Pure; any thread.  Each step has what the model expects of it beside it, so that the script shows the
// difference to "model" as to any mount.  It needs python3, which takes the steps.
#ifndef PLYFS_TESTS_PLYFUZZ_MODEL_SCRIPT_H_
#define PLYFS_TESTS_PLYFUZZ_MODEL_SCRIPT_H_

#include <string>
#include <vector>

#include "tests/model/side_by_side.h"

namespace plyfs::fuzz {

std::string FormatModelScript(const model::Case& c, const model::Subject& subject,
                              const std::vector<model::Taken>& taken, const model::Wrong& found);

}  // namespace plyfs::fuzz

#endif  // PLYFS_TESTS_PLYFUZZ_MODEL_SCRIPT_H_
