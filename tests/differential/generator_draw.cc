// Generator's other half: the arguments of each operation.
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <tuple>

#include "tests/differential/generator.h"
#include "tests/differential/world.h"

namespace plyfs::diff {
namespace {

// Beyond what any filesystem under test holds in a file, so that nothing comes of it but EFBIG.
constexpr int64_t kTooFar = int64_t{1} << 60;
constexpr int64_t kBadWhence = 77;

}  // namespace

// The path of what some slot holds, if it has one.
std::optional<std::string> Generator::HeldOpen() {
  const std::vector<int> open = OpenSlots(false);
  if (open.empty()) return std::nullopt;
  const Slot& slot = slots_[static_cast<size_t>(dice_.Pick(open))];
  return slot.temporary ? std::nullopt : std::optional(slot.path);
}

void Generator::DrawNames(Step* step) {
  static const std::vector<int64_t> modes = {0644, 0600, 0666, 0755, 0777, 02755, 04711, 01777};
  static const std::vector<int64_t> nodes = {S_IFIFO, S_IFSOCK, S_IFREG, S_IFCHR, S_IFBLK};
  static const std::vector<std::string> targets = {"a", "b/c", "../d", "e", "none", "/plyfs-none/x"};
  const bool creates = step->op <= Op::kSymlink;
  if (creates) {
    step->path = dice_.Chance(90) ? Fresh() : Somewhere(Want::kAny);
    step->a = dice_.Pick(modes);
    step->b = dice_.Chance(70) ? 022 : dice_.Chance(50) ? 0 : 077;
  }
  switch (step->op) {
    case Op::kMknod:
      step->a |= dice_.Pick(nodes);
      step->c = dice_.Chance(60) ? (1 << 8 | 3) : dice_.Chance(50) ? 0 : (240 << 8 | 5);
      return;
    case Op::kSymlink:
      step->value = dice_.Chance(20) ? step->path.substr(step->path.rfind('/') + 1) : dice_.Pick(targets);
      return;
    case Op::kLink:
      step->path = Somewhere(Want::kNotDir);
      step->path2 = dice_.Chance(90) ? Fresh() : Somewhere(Want::kAny);
      return;
    case Op::kUnlink:
      step->path = Somewhere(Want::kNotDir);
      if (dice_.Chance(25)) {  // often what is held open (N19)
        const Slot& slot = slots_[dice_.Below(kSlots)];
        if (slot.open && !slot.temporary && !slot.path.empty()) step->path = slot.path;
      }
      return;
    case Op::kRmdir:
      step->path = dice_.Chance(1) ? "" : dice_.Chance(70) ? EmptyDir() : Somewhere(Want::kDir);
      return;
    case Op::kRename:
      return DrawRename(step);
    default:
      return;
  }
}

void Generator::DrawRename(Step* step) {
  const uint64_t throw_of_100 = dice_.Below(100);
  step->a = throw_of_100 < 50   ? 0
            : throw_of_100 < 72 ? RENAME_NOREPLACE
            : throw_of_100 < 95 ? RENAME_EXCHANGE
            : throw_of_100 < 97 ? RENAME_WHITEOUT
                                : RENAME_EXCHANGE | RENAME_NOREPLACE;
  step->path = Somewhere(dice_.Chance(35) ? Want::kDir : Want::kNotDir);
  if (IsBadRename(step->a)) {
    // Refused for nothing but the flags.
    step->user = 0;
    step->path = Existing(Want::kAny);
    step->path2 = Fresh();
    if (dice_.Chance(20)) step->path = Spoilt(step->path);
    return;
  }
  const bool onto_existing = step->a == RENAME_EXCHANGE ? dice_.Chance(92) : dice_.Chance(30);
  step->path2 = onto_existing ? Somewhere(names_.count(step->path) != 0 && names_[step->path] == S_IFDIR
                                              ? Want::kDir
                                              : Want::kNotDir)
                              : Fresh();
  if (dice_.Chance(5)) step->path2 = Existing(Want::kAny);
  if (dice_.Chance(2))
    (dice_.Chance(50) ? step->path : step->path2) = dice_.Chance(50) ? "" : Existing(Want::kAny);
}

void Generator::DrawOpen(Step* step) {
  step->slot = static_cast<int>(dice_.Below(kSlots));
  if (step->op == Op::kTmpfile) {
    step->path = Somewhere(Want::kDir);
    step->a = dice_.Chance(50) ? 0644 : 0600;
    step->b = dice_.Chance(10) ? O_EXCL : 0;
    return;
  }
  static const std::vector<int64_t> flags = {O_RDONLY,
                                             O_RDONLY,
                                             O_RDONLY,
                                             O_RDWR,
                                             O_RDWR,
                                             O_RDWR,
                                             O_WRONLY,
                                             O_WRONLY | O_APPEND,
                                             O_RDWR | O_APPEND,
                                             O_RDWR | O_TRUNC,
                                             O_WRONLY | O_TRUNC,
                                             O_RDWR | O_CREAT};
  step->path = Somewhere(dice_.Chance(82) ? Want::kFile : dice_.Chance(50) ? Want::kSpecial : Want::kAny);
  // Once more what is held open: locks, C19.
  if (dice_.Chance(25)) step->path = HeldOpen().value_or(step->path);
  step->a = dice_.Pick(flags);
  static const std::vector<int64_t> rare = {O_NOFOLLOW, O_EXCL | O_CREAT, O_DIRECTORY, O_CREAT};
  if (dice_.Chance(12)) step->a |= dice_.Pick(rare);
  if (step->a == O_RDONLY && dice_.Chance(10)) step->a |= O_NOATIME;
  if (step->a & O_NOFOLLOW) step->path = Existing(Want::kSymlink);
  if (step->a & O_CREAT && dice_.Chance(50)) step->path = Fresh();
  if (dice_.Chance(5)) {
    step->a = O_RDONLY | O_DIRECTORY;
    step->path = Existing(Want::kDir);
  }
  if (dice_.Chance(4)) {
    std::string special = Existing(Want::kSpecial);
    if (TypeAt(special) == S_IFIFO) {
      step->path = std::move(special);
      step->a = O_RDWR | O_NONBLOCK;
    }
  }
}

mode_t Generator::TypeAt(const std::string& path) const {
  auto it = names_.find(path);
  return it == names_.end() ? 0 : it->second;
}

void Generator::DrawSlotUse(Step* step) {
  static const std::vector<int64_t> offsets = {0, 0, 1, 100, 4095, 4096, 5000, 65536, 300000};
  static const std::vector<int64_t> lengths = {1, 10, 100, 4096, 5000, 20000, 70000};
  static const std::vector<int64_t> falloc = {
      0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
      FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
  static const std::vector<int64_t> modes = {0644, 0600, 04755, 02755, 06777, 0666, 0444};
  const bool writes = step->op == Op::kWrite || step->op == Op::kMmapWrite || step->op == Op::kFtruncate ||
                      step->op == Op::kFallocate;
  step->slot = std::max(AnySlot(writes), 0);
  step->a = dice_.Chance(2) ? kTooFar : dice_.Pick(offsets);
  if (dice_.Chance(1)) step->a = -5;
  step->b = dice_.Pick(lengths);
  switch (step->op) {
    case Op::kLinkat:
      for (int i = 0; i < kSlots; ++i) {
        if (slots_[static_cast<size_t>(i)].temporary && dice_.Chance(80)) step->slot = i;
      }
      step->path = dice_.Chance(92) ? Fresh() : Somewhere(Want::kAny);
      step->a = step->b = 0;
      return;
    case Op::kWrite:
      if (dice_.Chance(25)) step->a = -1;
      if (TypeAt(slots_[static_cast<size_t>(step->slot)].path) == S_IFIFO)
        step->b = lengths.back();  // fills it
      [[fallthrough]];
    case Op::kMmapWrite:
      step->c = static_cast<int64_t>(dice_.Below(1000));
      return;
    case Op::kFallocate:
      step->c = dice_.Pick(falloc);
      if (dice_.Chance(3)) step->b = 0;
      return;
    case Op::kCopyRange:
      step->slot2 = std::max(AnySlot(true), 0);
      // From the end of a small file, or from one that cannot be read, nothing is copied.
      if (dice_.Chance(75)) step->a = static_cast<int64_t>(dice_.Below(200));
      for (int tries = 0; tries < 4 && !slots_[static_cast<size_t>(step->slot)].readable; ++tries) {
        step->slot = std::max(AnySlot(false), 0);
      }
      step->c = step->b;
      step->b = dice_.Chance(2) ? kTooFar : dice_.Pick(offsets);
      return;
    case Op::kSeek:
      step->b = dice_.Chance(3) ? kBadWhence : dice_.Chance(60) ? SEEK_HOLE : SEEK_DATA;
      return;
    case Op::kFchmod:
      step->a = dice_.Pick(modes);
      return;
    case Op::kFchown:
      step->a = dice_.Chance(50) ? 1000 : 0;
      step->b = dice_.Chance(50) ? 1001 : -1;
      return;
    case Op::kFutimens:
      step->a = DrawTime();
      step->b = DrawTime();
      return;
    case Op::kFsetxattr:
      DrawXattr(step);
      for (const auto& [path, name] : xattrs_) {
        if (step->a == XATTR_CREATE && path == slots_[static_cast<size_t>(step->slot)].path)
          step->name = name;
      }
      return;
    case Op::kFlock:
      step->a = dice_.Chance(35) ? LOCK_SH : dice_.Chance(80) ? LOCK_EX : LOCK_UN;
      return;
    default:
      return;
  }
}

int64_t Generator::DrawTime() {
  const uint64_t throw_of_10 = dice_.Below(10);
  if (throw_of_10 < 3) return -1;
  if (throw_of_10 < 5) return -2;
  return throw_of_10 < 9 ? static_cast<int64_t>(1100000000 + dice_.Below(100000000))
                         : 4102444800;  // year 2100
}

void Generator::DrawXattr(Step* step) {
  static const std::vector<std::string> names = {"user.u1",
                                                 "user.u1",
                                                 "user.u2",
                                                 "trusted.t1",
                                                 "trusted.t2",
                                                 "trusted.overlay.x",
                                                 "trusted.overlay.overlay.y",
                                                 "user.overlay.z",
                                                 "security.test",
                                                 "trusted.overlay.opaque",
                                                 "trusted.overlay.",
                                                 "bad.name"};
  step->name = dice_.Pick(names);
  if (dice_.Chance(2)) step->name = "user." + std::string(dice_.Chance(50) ? 250 : 251, 'n');
  if (dice_.Chance(1)) step->name = "trusted.overlay." + std::string(235, 'n');  // A7
  if (userxattr_) step->name = InOtherFamily(step->name);
  const uint64_t content = dice_.Next();  // two statements: the order of arguments is the compiler's
  step->value = Pattern(content, dice_.Chance(2) ? 5000 : dice_.Chance(2) ? 70000 : dice_.Below(60));
  step->a = dice_.Chance(70) ? 0 : dice_.Chance(50) ? XATTR_CREATE : XATTR_REPLACE;
  step->b = 0;
}

void Generator::DrawAttributes(Step* step) {
  static const std::vector<int64_t> modes = {0644, 0600, 0755, 0777, 04755, 02775, 06777, 01777, 0700, 0};
  static const std::vector<int64_t> sizes = {0, 1, 100, 5000, 100000};
  static const std::vector<int64_t> odd_sizes = {kTooFar, -1};
  static const std::vector<int64_t> owners = {0, 1000, 1000, 1001, -1};
  step->path = Somewhere(dice_.Chance(50) ? Want::kFile : Want::kAny);
  if (dice_.Chance(12)) step->path = HeldOpen().value_or(step->path);
  switch (step->op) {
    case Op::kChmod:
      step->a = dice_.Pick(modes);
      // A directory that nobody can enter makes the rest of a run poor.
      if (names_.count(step->path) != 0 && names_[step->path] == S_IFDIR && dice_.Chance(70)) step->a |= 0755;
      return;
    case Op::kChown:
      step->a = dice_.Pick(owners);
      step->b = dice_.Pick(owners);
      return;
    case Op::kUtimens:
      step->a = DrawTime();
      step->b = DrawTime();
      return;
    case Op::kTruncate:
      step->a = dice_.Chance(5) ? dice_.Pick(odd_sizes) : dice_.Pick(sizes);
      return;
    case Op::kSetxattr:
    case Op::kRemovexattr:
    case Op::kGetxattr:
      DrawXattr(step);
      if (!xattrs_.empty() && step->a == XATTR_CREATE && dice_.Chance(25)) {
        std::tie(step->path, step->name) = dice_.Pick(xattrs_);
      }
      if (step->op == Op::kSetxattr) return;
      step->a = step->op == Op::kGetxattr && dice_.Chance(15) ? 1 : 0;
      step->value.clear();
      if (!xattrs_.empty() && dice_.Chance(75)) std::tie(step->path, step->name) = dice_.Pick(xattrs_);
      return;
    case Op::kListxattr:
      step->a = dice_.Chance(20) ? -1 : dice_.Chance(20) ? 1 : 0;
      return;
    case Op::kExec:
      if (const std::vector<int> open = OpenSlots(true); !open.empty() && dice_.Chance(50)) {  // C22
        const Slot& busy = slots_[static_cast<size_t>(dice_.Pick(open))];
        if (!busy.temporary) step->path = busy.path;
      }
      return;
    case Op::kReadlink:
      step->path = Somewhere(Want::kSymlink);
      return;
    case Op::kSetAcl:
    case Op::kRemoveAcl:
      step->a = dice_.Pick(modes) & 0777;
      step->b = static_cast<int64_t>(dice_.Below(8));
      step->c = dice_.Chance(30);
      if (step->c != 0 || dice_.Chance(40)) step->path = Existing(Want::kDir);
      return;
    case Op::kReaddir:
      step->path = Somewhere(Want::kDir);
      step->a = static_cast<int64_t>(dice_.Below(12));
      return;
    case Op::kAccess:
      step->a = static_cast<int64_t>(dice_.Below(8));
      return;
    default:
      return;
  }
}

}  // namespace plyfs::diff
