#include "tests/differential/generator.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/differential/world.h"

namespace plyfs::diff {
namespace {

struct Weight {
  Op op;
  unsigned share;
};
constexpr Weight kWeights[] = {
    {Op::kCreate, 60},    {Op::kMkdir, 50},     {Op::kMknod, 35},     {Op::kSymlink, 28},
    {Op::kLink, 35},      {Op::kUnlink, 60},    {Op::kRmdir, 40},     {Op::kRename, 130},
    {Op::kTmpfile, 32},   {Op::kLinkat, 40},    {Op::kOpen, 100},     {Op::kClose, 10},
    {Op::kRead, 40},      {Op::kWrite, 60},     {Op::kMmapRead, 15},  {Op::kMmapWrite, 35},
    {Op::kFtruncate, 20}, {Op::kFallocate, 30}, {Op::kCopyRange, 55}, {Op::kSeek, 75},
    {Op::kFchmod, 12},    {Op::kFchown, 10},    {Op::kFutimens, 10},  {Op::kFsetxattr, 10},
    {Op::kFsync, 9},      {Op::kFlock, 30},     {Op::kChmod, 40},     {Op::kChown, 35},
    {Op::kUtimens, 30},   {Op::kTruncate, 25},  {Op::kSetxattr, 35},  {Op::kRemovexattr, 40},
    {Op::kGetxattr, 12},  {Op::kListxattr, 8},  {Op::kSetAcl, 25},    {Op::kRemoveAcl, 16},
    {Op::kReaddir, 35},   {Op::kReadlink, 8},   {Op::kAccess, 10},    {Op::kStatfs, 9},
    {Op::kExec, 8},       {Op::kRemount, 14},   {Op::kReadonly, 6},   {Op::kCheck, 10}};

// How long a mount stays read-only, in steps.
constexpr unsigned kReadonlySteps = 14;

std::string Join(const std::string& dir, const std::string& name) {
  return dir.empty() ? name : dir + "/" + name;
}

bool PointsToItself(const std::string& path, const std::string& target) {
  return !target.empty() && path.substr(path.rfind('/') + 1) == target;
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

Generator::Generator(uint64_t seed, const Snapshot& tree, bool userxattr)
    : dice_(seed * 2), userxattr_(userxattr) {
  for (const auto& [path, node] : tree) {
    if (node.sight.error == 0) names_[path] = node.sight.stx.stx_mode & S_IFMT;
    if (S_ISLNK(node.sight.stx.stx_mode) && PointsToItself(path, node.data)) loops_.push_back(path);
    for (const auto& [name, value] : node.xattrs) xattrs_.emplace_back(path, name);
  }
}

std::string Generator::Existing(Want want) {
  std::vector<const std::string*> fitting;
  for (const auto& [path, type] : names_) {
    const bool dir = type == S_IFDIR;
    const bool fits = want == Want::kAny || (want == Want::kFile && type == S_IFREG) ||
                      (want == Want::kDir && dir) || (want == Want::kNotDir && !dir) ||
                      (want == Want::kSymlink && type == S_IFLNK) ||
                      (want == Want::kSpecial && !dir && type != S_IFREG && type != S_IFLNK);
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
  if (!gone_.empty() && dice_.Chance(30)) {
    path = dice_.Pick(gone_);
    if (names_.count(path) == 0) return path;
  }
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

std::string Generator::Spoilt(const std::string& path) {
  const uint64_t throw_of_10 = dice_.Below(10);
  if (throw_of_10 < 3)
    return Join(path.substr(0, std::min(path.rfind('/'), path.size())), std::string(256, 'n'));
  if (throw_of_10 < 4) return Existing(Want::kFile) + "/a";
  if (throw_of_10 < 5) return Fresh() + "/a";
  std::erase_if(loops_, [this](const std::string& loop) {
    auto known = names_.find(loop);
    return known == names_.end() || known->second != S_IFLNK;
  });
  if (loops_.empty()) return NewName(Existing(Want::kSymlink));
  return dice_.Pick(loops_) + "/a";
}

std::vector<int> Generator::OpenSlots(bool writable) const {
  std::vector<int> open;
  for (int i = 0; i < kSlots; ++i) {
    const Slot& slot = slots_[static_cast<size_t>(i)];
    if (slot.open && (!writable || slot.writable)) open.push_back(i);
  }
  return open;
}

// Mostly one that can do what is asked for; -1 where none is open.
int Generator::AnySlot(bool writable) {
  const std::vector<int> all = OpenSlots(false), fitting = OpenSlots(writable);
  if (all.empty()) return -1;
  return fitting.empty() || dice_.Chance(5) ? dice_.Pick(all) : dice_.Pick(fitting);
}

Step Generator::Next() {
  Step step;
  step.op = DrawOp(&dice_);
  const bool writable_again = readonly_left_ > 0 && --readonly_left_ == 0;
  if (writable_again) step.op = Op::kReadonly;
  // What needs a descriptor is no use without one.
  if (UsesSlot(step.op) && AnySlot(false) < 0) step.op = Op::kOpen;
  step.watch = dice_.Chance(50);
  if (step.op == Op::kCheck) return step;
  if (step.op == Op::kReadonly) {
    step.a = !writable_again;
    return step;
  }
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
  const bool bad_flags = step.op == Op::kRename && IsBadRename(step.a);
  if (!step.path.empty() && !bad_flags && dice_.Chance(8)) {
    std::string& path = !step.path2.empty() && dice_.Chance(50) ? step.path2 : step.path;
    path = Spoilt(path);
  }
  return step;
}

void Generator::Erase(const std::string& path) {
  gone_.push_back(path);
  names_.erase(path);
  std::erase_if(xattrs_, [&](const auto& xattr) { return xattr.first == path; });
}

void Generator::Move(const std::string& from, const std::string& to) {
  gone_.push_back(from);
  std::map<std::string, unsigned> moved;
  for (const auto& [path, type] : names_) {
    const bool goes = path == from || Below(path, from);
    if (!goes && (path == to || Below(path, to))) continue;
    moved[goes ? to + path.substr(from.size()) : path] = type;
  }
  names_ = std::move(moved);
  for (auto& [path, name] : xattrs_) {
    if (path == from || Below(path, from)) path = to + path.substr(from.size());
  }
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
  if (step.op == Op::kRemount || step.op == Op::kReadonly) {
    slots_ = {};
    readonly_left_ = step.op == Op::kReadonly && step.a != 0 ? kReadonlySteps : 0;
  }
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
      if (PointsToItself(step.path, step.value)) loops_.push_back(step.path);
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
    case Op::kRemovexattr:
      std::erase(xattrs_, std::pair(step.path, step.name));
      return;
    default:
      return;
  }
}

}  // namespace plyfs::diff
