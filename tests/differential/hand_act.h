// HandAct: one change that somebody makes in a layer by hand, as plain data; a client's step through the
// mount, or its look at a name, may stand in its place.
//
// Values; one thread.  Acts follow from dice alone and not from what is on disk, so any subset of a list of
// them can be performed (the shrinker's need); those that find nothing to act on do nothing.
#ifndef PLYFS_TESTS_DIFFERENTIAL_HAND_ACT_H_
#define PLYFS_TESTS_DIFFERENTIAL_HAND_ACT_H_

#include <string>
#include <vector>

#include "tests/differential/dice.h"
#include "tests/differential/step.h"
#include "tests/differential/world.h"

namespace plyfs::diff {

enum class HandKind {
  kCreate,     // a new file, or the old one overwritten in place
  kAppend,     // in place
  kReplace,    // by the rename of a file made elsewhere
  kRemove,     // unlink or rmdir
  kRemoveAll,  // with all beneath
  kMkdir,
  kRename,  // of whatever is there
  kSymlink,
  kWhiteout,
  kXattr,  // set
  kNoXattr,
  kChmod,
  kUtimens,
  kTree,  // a directory with things in it, moved into place
  // of the client
  kLook,  // stat, list or read
  kStep,
};

struct HandAct {
  HandKind kind = HandKind::kLook;
  int layer = 0;
  std::string path, path2, name, value;
  mode_t mode = 0;
  Step step;
};

std::string Describe(const HandAct& act);
// What one round does: changes by hand, mostly, and what the client does meanwhile.  `world` is what the
// layers began with, most of which is still there.
std::vector<HandAct> DrawRound(Dice* dice, const World& world);
// 0 or the errno; kStep and kLook are not for it.
int PerformAct(const HandAct& act, const Dirs& dirs);
// Looks at a name as kLook does: whatever the client may come to know of it.
void LookAt(const std::string& path);

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_HAND_ACT_H_
