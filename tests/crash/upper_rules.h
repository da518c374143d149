// What must hold of upper and work whatever has failed or crashed, by looking at them from outside.
//
// Stateless; root.
#ifndef PLYFS_TESTS_CRASH_UPPER_RULES_H_
#define PLYFS_TESTS_CRASH_UPPER_RULES_H_

#include <string>

namespace plyfs::crash {

// The first rule that is broken in upper `u` and work `w` below `root`, in words; empty: none.
//  - upper holds no temporary names, and no records but those of semantics.md, of a form it knows (M17, X)
//  - work holds the directory `work` alone, and nothing in it lies deeper than two levels (M14)
std::string BrokenRule(const std::string& root);

// What W/work holds, whiteouts left out; empty: nothing.  `all`: whiteouts too.
std::string LeftInWork(const std::string& root, bool all);

}  // namespace plyfs::crash

#endif  // PLYFS_TESTS_CRASH_UPPER_RULES_H_
