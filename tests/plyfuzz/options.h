// Options: what plyfuzz is asked to do.
//
// A value; any thread.
#ifndef PLYFS_TESTS_PLYFUZZ_OPTIONS_H_
#define PLYFS_TESTS_PLYFUZZ_OPTIONS_H_

#include <cstdint>
#include <set>
#include <string>

namespace plyfs::fuzz {

extern const char kHelp[];

struct Options {
  std::string against = "kernel", subject;
  int layers = 0, threads = 0;      // layers: 0, five, or of a case against the model one to three
  uint64_t seed = 1, seeds = 0;     // 0: as many as the time allows, 20 without one
  uint64_t steps = 0, seconds = 0;  // steps: 0, 200, or of a case against the model up to 45
  std::string mount_options;        // for both sides, comma-separated
  std::set<std::string> ignored;
  bool cross = true, shrink = true, survey = false, changed_lowers = false, help = false;
  bool faults = false;
  bool list_mount_options = false;
  std::string dir, fs = "ext4";
};

// Empty, or in one line what is wrong and what would be right.  `beside`: the folder that plyfuzz is in.
std::string ParseOptions(int argc, char** argv, const std::string& beside, Options* options);

}  // namespace plyfs::fuzz

#endif  // PLYFS_TESTS_PLYFUZZ_OPTIONS_H_
