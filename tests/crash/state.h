// State: a merged tree as far as a crash or a failure must not change it, a line an object.
//
// Values; any thread.  Left out are inode numbers, ctimes, link counts and times of directories (C5's putting
// back of times is a step of its own); times of the run read "now".
#ifndef PLYFS_TESTS_CRASH_STATE_H_
#define PLYFS_TESTS_CRASH_STATE_H_

#include <map>
#include <string>

#include "tests/differential/outcome.h"

namespace plyfs::crash {

struct Line {
  std::string what;  // type, mode, owner, links, xattrs, target
  std::string data;  // of a regular file: size, time, digest
  friend bool operator==(const Line&, const Line&) = default;
};
using State = std::map<std::string, Line>;

State StateOf(const diff::Snapshot& tree);

// Where they differ first, in words; empty: nowhere.
std::string DifferenceOf(const State& expected, const State& found);

// Makes `found` say what `expected` says of each file whose data `before` and `after` tell apart, when its
// attributes are those of the one or the other: a change of data was stopped on the way.
void ForgiveChangedData(const State& before, const State& after, const State& expected, State* found);

}  // namespace plyfs::crash

#endif  // PLYFS_TESTS_CRASH_STATE_H_
