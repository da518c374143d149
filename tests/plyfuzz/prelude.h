// What printed scripts have in common: the texts of prelude.sh and model_steps.py.
#ifndef PLYFS_TESTS_PLYFUZZ_PRELUDE_H_
#define PLYFS_TESTS_PLYFUZZ_PRELUDE_H_

namespace plyfs::fuzz {

extern const char kPrelude[];
extern const char kModelSteps[];  // only of those against the model

}  // namespace plyfs::fuzz

#endif  // PLYFS_TESTS_PLYFUZZ_PRELUDE_H_
