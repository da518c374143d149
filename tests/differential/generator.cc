#include "tests/differential/generator.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <tuple>

#include "tests/differential/world.h"

namespace plyfs::diff {
namespace {

struct Weight {
  Op op;
  unsigned share;
};
constexpr Weight kWeights[] = {
    {Op::kCreate, 60},    {Op::kMkdir, 50},     {Op::kMknod, 25},     {Op::kSymlink, 20},
    {Op::kLink, 35},      {Op::kUnlink, 60},    {Op::kRmdir, 40},     {Op::kRename, 120},
    {Op::kTmpfile, 20},   {Op::kLinkat, 20},    {Op::kOpen, 100},     {Op::kClose, 10},
    {Op::kRead, 40},      {Op::kWrite, 60},     {Op::kMmapRead, 15},  {Op::kMmapWrite, 25},
    {Op::kFtruncate, 20}, {Op::kFallocate, 30}, {Op::kCopyRange, 30}, {Op::kSeek, 30},
    {Op::kFchmod, 12},    {Op::kFchown, 10},    {Op::kFutimens, 10},  {Op::kFsetxattr, 10},
    {Op::kFsync, 5},      {Op::kFlock, 20},     {Op::kChmod, 40},     {Op::kChown, 30},
    {Op::kUtimens, 25},   {Op::kTruncate, 20},  {Op::kSetxattr, 30},  {Op::kRemovexattr, 20},
    {Op::kGetxattr, 10},  {Op::kListxattr, 8},  {Op::kSetAcl, 15},    {Op::kRemoveAcl, 5},
    {Op::kReaddir, 30},   {Op::kReadlink, 6},   {Op::kAccess, 10},    {Op::kStatfs, 3},
    {Op::kRemount, 10},   {Op::kCheck, 10}};

std::string Join(const std::string& dir, const std::string& name) {
  return dir.empty() ? name : dir + "/" + name;
}

bool Below(const std::string& path, const std::string& dir) {
  return path.size() > dir.size() && path.compare(0, dir.size(), dir) == 0 && path[dir.size()] == '/';
}

Op DrawOp(Dice* dice) {
  unsigned total = 0;
  for (const Weight& w : kWeights) total += w.share;
  uint64_t at = dice->Below(total);
  for (const Weight& w : kWeights) {
    if (at < w.share) return w.op;
    at -= w.share;
  }
  return Op::kCheck;
}

}  // namespace

Generator::Generator(uint64_t seed, const Snapshot& tree) : dice_(seed * 2) {
  for (const auto& [path, node] : tree) {
    if (node.sight.error == 0) names_[path] = node.sight.stx.stx_mode & S_IFMT;
    for (const auto& [name, value] : node.xattrs) xattrs_.emplace_back(path, name);
  }
}

std::string Generator::Existing(Want want) {
  std::vector<const std::string*> fitting;
  for (const auto& [path, type] : names_) {
    const bool dir = type == S_IFDIR;
    const bool fits = want == Want::kAny || (want == Want::kFile && type == S_IFREG) ||
                      (want == Want::kDir && dir) || (want == Want::kNotDir && !dir) ||
                      (want == Want::kSymlink && type == S_IFLNK);
    // The root is a directory to work in, not an object to work on.
    if (fits && (!path.empty() || want == Want::kDir)) fitting.push_back(&path);
  }
  return fitting.empty() ? "a" : *dice_.Pick(fitting);
}

std::string Generator::EmptyDir() {
  std::vector<const std::string*> empty;
  for (auto at = names_.begin(); at != names_.end(); ++at) {
    auto next = names_.upper_bound(at->first + "/");
    const bool holds = next != names_.end() && Below(next->first, at->first);
    if (at->second == S_IFDIR && !at->first.empty() && !holds) empty.push_back(&at->first);
  }
  return empty.empty() ? Existing(Want::kDir) : *dice_.Pick(empty);
}

std::string Generator::NewName(const std::string& dir) {
  if (dice_.Chance(1)) return Join(dir, std::string(dice_.Chance(50) ? 255 : 256, 'n'));  // S13
  static const std::vector<std::string> more = {"g", "h", "new name"};
  return Join(dir, dice_.Chance(75) ? dice_.Pick(Alphabet()) : dice_.Pick(more));
}

std::string Generator::Fresh() {
  std::string path;
  for (int tries = 0; tries < 8; ++tries) {
    path = NewName(Existing(Want::kDir));
    if (names_.count(path) == 0) break;
  }
  return path;
}

std::string Generator::Somewhere(Want want) {
  if (dice_.Chance(92)) return Existing(want);
  return dice_.Chance(50) ? Existing(Want::kAny) : NewName(Existing(Want::kAny));
}

int Generator::AnySlot(bool writable) {
  std::vector<int> open;
  for (int i = 0; i < kSlots; ++i) {
    const Slot& slot = slots_[static_cast<size_t>(i)];
    if (slot.open && (!writable || slot.writable)) open.push_back(i);
  }
  return open.empty() || dice_.Chance(3) ? static_cast<int>(dice_.Below(kSlots)) : dice_.Pick(open);
}

Step Generator::Next() {
  Step step;
  step.op = DrawOp(&dice_);
  step.watch = dice_.Chance(50);
  if (step.op == Op::kCheck) return step;
  if (step.op == Op::kRemount) {
    step.a = dice_.Chance(40);
    return step;
  }
  if (dice_.Chance(25)) step.user = 1 + static_cast<int>(dice_.Below(Users().size() - 1));
  if (step.op == Op::kOpen || step.op == Op::kTmpfile) {
    DrawOpen(&step);
  } else if (UsesSlot(step.op)) {
    DrawSlotUse(&step);
  } else if (step.op <= Op::kRename) {
    DrawNames(&step);
  } else {
    DrawAttributes(&step);
  }
  return step;
}

void Generator::DrawNames(Step* step) {
  static const std::vector<int64_t> modes = {0644, 0600, 0666, 0755, 0777, 02755, 04711, 01777};
  static const std::vector<int64_t> nodes = {S_IFIFO, S_IFSOCK, S_IFREG, S_IFCHR, S_IFBLK};
  static const std::vector<std::string> targets = {"a", "b/c", "../d", "e", "none", "/plyfs-none"};
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
      step->value = dice_.Pick(targets);
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
      step->path = dice_.Chance(70) ? EmptyDir() : Somewhere(Want::kDir);
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
            : throw_of_100 < 97 ? RENAME_EXCHANGE
            : throw_of_100 < 98 ? RENAME_WHITEOUT
                                : RENAME_EXCHANGE | RENAME_NOREPLACE;
  step->path = Somewhere(dice_.Chance(35) ? Want::kDir : Want::kNotDir);
  const bool onto_existing = step->a == RENAME_EXCHANGE ? dice_.Chance(92) : dice_.Chance(30);
  step->path2 = onto_existing ? Somewhere(names_.count(step->path) != 0 && names_[step->path] == S_IFDIR
                                              ? Want::kDir
                                              : Want::kNotDir)
                              : Fresh();
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
  step->path = Somewhere(dice_.Chance(88) ? Want::kFile : Want::kAny);
  step->a = dice_.Pick(flags);
  if (step->a & O_CREAT && dice_.Chance(50)) step->path = Fresh();
  if (dice_.Chance(5)) {
    step->a = O_RDONLY | O_DIRECTORY;
    step->path = Existing(Want::kDir);
  }
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
  step->slot = AnySlot(writes);
  step->a = dice_.Pick(offsets);
  step->b = dice_.Pick(lengths);
  switch (step->op) {
    case Op::kLinkat:
      for (int i = 0; i < kSlots; ++i) {
        if (slots_[static_cast<size_t>(i)].temporary && dice_.Chance(80)) step->slot = i;
      }
      step->path = Fresh();
      step->a = step->b = 0;
      return;
    case Op::kWrite:
      if (dice_.Chance(25)) step->a = -1;
      [[fallthrough]];
    case Op::kMmapWrite:
      step->c = static_cast<int64_t>(dice_.Below(1000));
      return;
    case Op::kFallocate:
      step->c = dice_.Pick(falloc);
      return;
    case Op::kCopyRange:
      step->slot2 = AnySlot(true);
      step->c = step->b;
      step->b = dice_.Pick(offsets);
      return;
    case Op::kSeek:
      step->b = dice_.Chance(60) ? SEEK_HOLE : SEEK_DATA;
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
      return DrawXattr(step);
    case Op::kFlock:
      step->a = dice_.Chance(40) ? LOCK_SH : dice_.Chance(60) ? LOCK_EX : LOCK_UN;
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
  const uint64_t content = dice_.Next();  // two statements: the order of arguments is the compiler's
  step->value = Pattern(content, dice_.Below(60));
  step->a = dice_.Chance(70) ? 0 : dice_.Chance(50) ? XATTR_CREATE : XATTR_REPLACE;
  step->b = 0;
}

void Generator::DrawAttributes(Step* step) {
  static const std::vector<int64_t> modes = {0644, 0600, 0755, 0777, 04755, 02775, 06777, 01777, 0700, 0};
  static const std::vector<int64_t> sizes = {0, 1, 100, 5000, 100000};
  static const std::vector<int64_t> owners = {0, 1000, 1000, 1001, -1};
  step->path = Somewhere(dice_.Chance(50) ? Want::kFile : Want::kAny);
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
      step->a = dice_.Pick(sizes);
      return;
    case Op::kSetxattr:
    case Op::kRemovexattr:
    case Op::kGetxattr:
      DrawXattr(step);
      if (step->op == Op::kSetxattr) return;
      step->a = 0;
      step->value.clear();
      if (!xattrs_.empty() && dice_.Chance(75)) std::tie(step->path, step->name) = dice_.Pick(xattrs_);
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

void Generator::Erase(const std::string& path) {
  names_.erase(path);
}

void Generator::Move(const std::string& from, const std::string& to) {
  std::map<std::string, unsigned> moved;
  for (const auto& [path, type] : names_) {
    const bool goes = path == from || Below(path, from);
    if (!goes && (path == to || Below(path, to))) continue;
    moved[goes ? to + path.substr(from.size()) : path] = type;
  }
  names_ = std::move(moved);
}

void Generator::Exchange(const std::string& a, const std::string& b) {
  std::map<std::string, unsigned> swapped;
  for (const auto& [path, type] : names_) {
    std::string now = path;
    if (path == a || Below(path, a))
      now = b + path.substr(a.size());
    else if (path == b || Below(path, b))
      now = a + path.substr(b.size());
    swapped[now] = type;
  }
  names_ = std::move(swapped);
}

void Generator::Observe(const Step& step, int error) {
  if (step.op == Op::kRemount) slots_ = {};
  if (step.op == Op::kOpen || step.op == Op::kTmpfile) slots_[static_cast<size_t>(step.slot)] = {};
  if (error != 0) return;
  switch (step.op) {
    case Op::kCreate:
    case Op::kLinkat:
      names_[step.path] = S_IFREG;
      if (step.op == Op::kLinkat) slots_[static_cast<size_t>(step.slot)].temporary = false;
      return;
    case Op::kMkdir:
      names_[step.path] = S_IFDIR;
      return;
    case Op::kMknod:
      names_[step.path] = static_cast<unsigned>(step.a) & S_IFMT;
      return;
    case Op::kSymlink:
      names_[step.path] = S_IFLNK;
      return;
    case Op::kLink:
      names_[step.path2] = names_[step.path];
      return;
    case Op::kUnlink:
    case Op::kRmdir:
      return Erase(step.path);
    case Op::kRename:
      if (step.path == step.path2) return;
      return step.a == RENAME_EXCHANGE ? Exchange(step.path, step.path2) : Move(step.path, step.path2);
    case Op::kOpen:
    case Op::kTmpfile: {
      const bool temporary = step.op == Op::kTmpfile;
      const int64_t access = temporary ? O_RDWR : step.a & O_ACCMODE;
      slots_[static_cast<size_t>(step.slot)] = {true, access != O_RDONLY, access != O_WRONLY, temporary,
                                                step.path};
      if (!temporary && step.a & O_CREAT) names_.try_emplace(step.path, S_IFREG);
      return;
    }
    case Op::kClose:
      slots_[static_cast<size_t>(step.slot)] = {};
      return;
    case Op::kSetxattr:
      xattrs_.emplace_back(step.path, step.name);
      return;
    default:
      return;
  }
}

}  // namespace plyfs::diff
