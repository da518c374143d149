// ScriptCheck: whether a printed script shows its difference, and none where there is none.
//
// One thread, root.
#ifndef PLYFS_TESTS_PLYFUZZ_SCRIPT_CHECK_H_
#define PLYFS_TESTS_PLYFUZZ_SCRIPT_CHECK_H_

#include <signal.h>

#include <string>

namespace plyfs::fuzz {

struct Sides {
  std::string against, subject;
  std::string dir;  // where the script is written and works
};
// Tells on stderr.  Ends early, in order, once *stop is set.
void CheckScript(const std::string& script, const Sides& sides, const volatile sig_atomic_t* stop);

}  // namespace plyfs::fuzz

#endif  // PLYFS_TESTS_PLYFUZZ_SCRIPT_CHECK_H_
