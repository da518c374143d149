// MountOptions: every mount option of plyfs, and how plyfuzz comes by it.
//
// Pure; any thread.  The test holds the table to what `plyfs --help` lists.
#ifndef PLYFS_TESTS_PLYFUZZ_MOUNT_OPTIONS_H_
#define PLYFS_TESTS_PLYFUZZ_MOUNT_OPTIONS_H_

#include <string>
#include <vector>

#include "tests/differential/dice.h"

namespace plyfs::fuzz {

enum class Drawn {
  kOverlay,   // for both sides, where both are plyfs or the kernel
  kNeutral,   // for plyfs alone: it must change no answer
  kOwn,       // for both sides, where both are plyfs: nobody else has it
  kMade,      // by plyfuzz itself
  kNotDrawn,  // what() says why it cannot matter
};

struct MountOption {
  std::string name;  // without its value
  Drawn drawn = Drawn::kNotDrawn;
  std::vector<std::string> values;  // what is drawn: "fsync=strict", "noatime"
  std::string what;                 // of kMade and kNotDrawn
};
const std::vector<MountOption>& MountOptions();

// Some of that kind, comma-separated; maybe none.
std::string DrawMountOptions(Drawn drawn, diff::Dice* dice);
// Null: no such option.  `word` may have a value.
const MountOption* FindMountOption(const std::string& word);
// A line an option, for who asks with --mount-options.
std::string DescribeMountOptions();

}  // namespace plyfs::fuzz

#endif  // PLYFS_TESTS_PLYFUZZ_MOUNT_OPTIONS_H_
