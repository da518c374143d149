// Generator: draws the steps of a run from a seed.
//
// Owned by a run; one thread.  It keeps a model of the names there are (fed by what the kernel's side
// answered), so that most operations find what they need and some, on purpose, do not.  The same seed and the
// same answers give the same steps.
#ifndef PLYFS_TESTS_DIFFERENTIAL_GENERATOR_H_
#define PLYFS_TESTS_DIFFERENTIAL_GENERATOR_H_

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/differential/dice.h"
#include "tests/differential/outcome.h"
#include "tests/differential/step.h"

namespace plyfs::diff {

class Generator {
 public:
  // `userxattr`: the mounts' own xattrs are user.overlay's.
  Generator(uint64_t seed, const Snapshot& tree, bool userxattr);

  Step Next();
  // What became of the step that Next() gave.
  void Observe(const Step& step, int error);

 private:
  struct Slot {
    bool open = false;
    bool writable = false, readable = false;
    bool temporary = false;
    std::string path;
  };
  enum class Want { kAny, kFile, kDir, kNotDir, kSymlink, kSpecial };

  mode_t TypeAt(const std::string& path) const;  // 0: nothing known there
  std::string Existing(Want want);
  std::string EmptyDir();
  std::string Fresh();
  std::string Somewhere(Want want);  // existing mostly
  std::string NewName(const std::string& dir);
  // The path of something, spoilt: through a file, a symlink to itself or nothing, or with too long a name.
  std::string Spoilt(const std::string& path);
  std::vector<int> OpenSlots(bool writable) const;
  int AnySlot(bool writable);
  std::optional<std::string> HeldOpen();
  void DrawNames(Step* step);
  void DrawRename(Step* step);
  void DrawOpen(Step* step);
  void DrawSlotUse(Step* step);
  void DrawAttributes(Step* step);
  void DrawXattr(Step* step);
  int64_t DrawTime();
  void Move(const std::string& from, const std::string& to);
  void Exchange(const std::string& a, const std::string& b);
  void Erase(const std::string& path);

  Dice dice_;
  const bool userxattr_;
  std::map<std::string, unsigned> names_;  // path to S_IFMT
  std::array<Slot, kSlots> slots_;
  unsigned readonly_left_ = 0;      // steps until the mounts become writable again
  std::vector<std::string> gone_;   // paths that were removed or moved away: whiteouts, often
  std::vector<std::string> loops_;  // symlinks made to point to themselves
  std::vector<std::pair<std::string, std::string>> xattrs_;  // path and name, as they were set
};

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_GENERATOR_H_
