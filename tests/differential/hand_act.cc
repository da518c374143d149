#include "tests/differential/hand_act.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "tests/mount/files.h"

namespace plyfs::diff {
namespace {

constexpr int kMaxDepth = 3;

std::string DrawPath(Dice* dice) {
  // The first names of the alphabet are directories mostly (world.cc).
  std::string path;
  for (uint64_t depth = dice->Below(kMaxDepth); depth > 0; --depth) path += Alphabet()[dice->Below(3)] + "/";
  return path + dice->Pick(Alphabet());
}

// Overlay records, valid and not; what is no record is data.
void DrawRecord(Dice* dice, HandAct* act) {
  static const std::vector<std::pair<std::string, std::string>> records = {
      {"trusted.overlay.opaque", "y"},    {"trusted.overlay.opaque", "y"},
      {"trusted.overlay.opaque", "x"},    {"trusted.overlay.opaque", "n"},
      {"trusted.overlay.redirect", ""},   {"trusted.overlay.redirect", "/.."},
      {"trusted.overlay.metacopy", ""},   {"trusted.overlay.whiteout", "y"},
      {"trusted.overlay.origin", "junk"}, {"user.u1", "by hand"}};
  if (dice->Chance(30)) {
    act->name = "trusted.overlay.redirect";
    act->value = dice->Chance(50) ? dice->Pick(Alphabet()) : "/" + DrawPath(dice);
    return;
  }
  const auto& [name, value] = dice->Pick(records);
  act->name = name;
  act->value = value;
}

// Of something that the layer, or for the mount any layer, had at the beginning.
std::string DrawExisting(Dice* dice, const World& world, std::optional<int> layer) {
  for (int tries = 0; tries < 20; ++tries) {
    const Entry& entry = dice->Pick(world.entries);
    if ((!layer || entry.layer == *layer) && !entry.path.empty()) return entry.path;
  }
  return DrawPath(dice);
}

bool NeedsExisting(HandKind kind) {
  switch (kind) {
    case HandKind::kCreate:
    case HandKind::kMkdir:
    case HandKind::kSymlink:
    case HandKind::kTree:
      return false;
    default:
      return true;
  }
}

Step DrawStep(Dice* dice, const World& world) {
  static const std::vector<Op> ops = {Op::kCreate, Op::kMkdir,    Op::kUnlink, Op::kUnlink, Op::kRmdir,
                                      Op::kRename, Op::kTruncate, Op::kChmod,  Op::kSymlink};
  Step step;
  step.op = dice->Pick(ops);
  step.path = dice->Chance(70) ? DrawExisting(dice, world, std::nullopt) : DrawPath(dice);
  if (step.op == Op::kRename) step.path2 = DrawPath(dice);
  if (step.op == Op::kSymlink) step.value = "d";
  if (step.op == Op::kTruncate) step.a = static_cast<int64_t>(dice->Below(300));
  if (step.op == Op::kChmod || step.op == Op::kCreate || step.op == Op::kMkdir) step.a = 0750;
  return step;
}

HandAct DrawAct(Dice* dice, const World& world) {
  static const std::vector<HandKind> kinds = {
      HandKind::kCreate,  HandKind::kCreate,  HandKind::kCreate,   HandKind::kAppend,   HandKind::kReplace,
      HandKind::kReplace, HandKind::kRemove,  HandKind::kRemove,   HandKind::kRemove,   HandKind::kRemoveAll,
      HandKind::kMkdir,   HandKind::kMkdir,   HandKind::kMkdir,    HandKind::kRename,   HandKind::kRename,
      HandKind::kRename,  HandKind::kSymlink, HandKind::kWhiteout, HandKind::kWhiteout, HandKind::kXattr,
      HandKind::kXattr,   HandKind::kNoXattr, HandKind::kChmod,    HandKind::kUtimens,  HandKind::kTree,
      HandKind::kLook,    HandKind::kLook,    HandKind::kLook,     HandKind::kStep,     HandKind::kStep,
      HandKind::kStep};
  static const std::vector<mode_t> modes = {0755, 0700, 0644, 0600, 01777};
  HandAct act;
  act.kind = dice->Pick(kinds);
  // Upper as often as two lowers.
  act.layer = static_cast<int>(dice->Below(static_cast<uint64_t>(world.plan.lowers) + 2)) - 2;
  if (act.layer < 0) act.layer = kUpperLayer;
  // Sometimes what another layer has, so that things come to lie over each other.
  const std::optional<int> layer = dice->Chance(60) ? std::optional(act.layer) : std::nullopt;
  act.path =
      dice->Chance(NeedsExisting(act.kind) ? 85 : 30) ? DrawExisting(dice, world, layer) : DrawPath(dice);
  act.path2 = dice->Chance(30) ? DrawExisting(dice, world, act.layer) : DrawPath(dice);
  act.mode = dice->Pick(modes);
  act.value = "by hand " + std::to_string(dice->Below(1000000));
  if (act.kind == HandKind::kXattr || act.kind == HandKind::kNoXattr) DrawRecord(dice, &act);
  if (act.kind == HandKind::kStep) act.step = DrawStep(dice, world);
  return act;
}

int ErrorOf(int rc) {
  return rc < 0 ? errno : 0;
}

// Something of ours beside the layer's own names, to be renamed into place.
std::string Elsewhere(const Dirs& dirs) {
  return dirs.base + "/elsewhere";
}

int MoveIn(const Dirs& dirs, const std::string& to) {
  const int error = ErrorOf(rename(Elsewhere(dirs).c_str(), to.c_str()));
  if (error != 0) test::RemoveTree(Elsewhere(dirs));
  return error;
}

int MakeTree(const HandAct& act, const Dirs& dirs, const std::string& to) {
  const std::string top = Elsewhere(dirs);
  int error = test::MakeDirs(top + "/a/b");
  if (error == 0) error = test::Write(top + "/d", act.value);
  if (error == 0) error = test::Write(top + "/a/e", act.value);
  return error != 0 ? error : MoveIn(dirs, to);
}

bool IsDevice(const std::string& path) {
  struct stat st;
  return lstat(path.c_str(), &st) == 0 && !S_ISREG(st.st_mode);
}

}  // namespace

std::vector<HandAct> DrawRound(Dice* dice, const World& world) {
  std::vector<HandAct> acts;
  for (uint64_t n = 2 + dice->Below(14); n > 0; --n) acts.push_back(DrawAct(dice, world));
  return acts;
}

std::string Describe(const HandAct& act) {
  static const char* const names[] = {"write",   "append",  "replace",  "remove",   "remove all",  "mkdir",
                                      "rename",  "symlink", "whiteout", "setxattr", "removexattr", "chmod",
                                      "utimens", "tree",    "look",     "step"};
  if (act.kind == HandKind::kStep) return "mount: " + FormatStep(act.step);
  const std::string layer = act.layer == kUpperLayer ? "upper" : "lower" + std::to_string(act.layer);
  std::string text = act.kind == HandKind::kLook ? "mount: " : layer + ": ";
  text += std::string(names[static_cast<int>(act.kind)]) + " " + act.path;
  if (act.kind == HandKind::kRename) text += " " + act.path2;
  if (act.kind == HandKind::kXattr || act.kind == HandKind::kNoXattr)
    text += " " + act.name + "=" + act.value;
  if (act.kind == HandKind::kChmod) text += " " + std::to_string(act.mode);
  return text;
}

int PerformAct(const HandAct& act, const Dirs& dirs) {
  const std::string path = dirs.Layer(act.layer) + "/" + act.path;
  const std::string path2 = dirs.Layer(act.layer) + "/" + act.path2;
  switch (act.kind) {
    case HandKind::kCreate:
      return IsDevice(path) ? EEXIST : test::Write(path, act.value);
    case HandKind::kAppend:
      return IsDevice(path) ? EEXIST : test::Append(path, act.value);
    case HandKind::kReplace:
      if (int error = test::Write(Elsewhere(dirs), act.value)) return error;
      return MoveIn(dirs, path);
    case HandKind::kRemove:
      return test::Remove(path);
    case HandKind::kRemoveAll:
      return test::RemoveTree(path);
    case HandKind::kMkdir:
      return test::MakeDir(path);
    case HandKind::kRename:
      return ErrorOf(rename(path.c_str(), path2.c_str()));
    case HandKind::kSymlink:
      return test::MakeSymlink("d", path);
    case HandKind::kWhiteout:
      return test::MakeWhiteout(path);
    case HandKind::kXattr:
      return ErrorOf(lsetxattr(path.c_str(), act.name.c_str(), act.value.data(), act.value.size(), 0));
    case HandKind::kNoXattr:
      return ErrorOf(lremovexattr(path.c_str(), act.name.c_str()));
    case HandKind::kChmod:
      return ErrorOf(fchmodat(AT_FDCWD, path.c_str(), act.mode, AT_SYMLINK_NOFOLLOW));
    case HandKind::kUtimens: {
      const timespec times[2] = {{1000, 1}, {static_cast<time_t>(act.mode), 7}};
      return ErrorOf(utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW));
    }
    case HandKind::kTree:
      return MakeTree(act, dirs, path);
    case HandKind::kLook:
    case HandKind::kStep:
      break;
  }
  return EINVAL;
}

void LookAt(const std::string& path) {
  struct stat st;
  if (lstat(path.c_str(), &st) < 0) return;
  const int type = S_ISDIR(st.st_mode) ? O_DIRECTORY : 0;
  if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) return;
  const int fd = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | type);
  if (fd < 0) return;
  char buffer[4096];
  if (S_ISDIR(st.st_mode)) {
    while (getdents64(fd, buffer, sizeof buffer) > 0) {
    }
  } else {
    (void)!read(fd, buffer, sizeof buffer);
  }
  close(fd);
}

}  // namespace plyfs::diff
