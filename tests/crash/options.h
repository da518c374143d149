// What the program was asked for, and what it counts.
//
// Values; one thread.
#ifndef PLYFS_TESTS_CRASH_OPTIONS_H_
#define PLYFS_TESTS_CRASH_OPTIONS_H_

#include <cstdint>
#include <string>

#include "tests/crash/script.h"

namespace plyfs::crash {

struct Options {
  std::string program;  // plyfs, of a debug build
  std::string only;     // cases whose name holds this
  std::string at;       // the one point to go through: as a failed point is printed
  uint64_t seed = 1;
  bool quick = false;  // a part of the points, which part the seed says
};

// Points that were gone through, and those of them that failed; each failure has been printed.
struct Tally {
  uint64_t points = 0, failed = 0;
  void Add(const Tally& other) {
    points += other.points;
    failed += other.failed;
  }
};

}  // namespace plyfs::crash

#endif  // PLYFS_TESTS_CRASH_OPTIONS_H_
