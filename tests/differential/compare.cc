#include "tests/differential/compare.h"

#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <cstring>

namespace plyfs::diff {
namespace {

using Maybe = std::optional<Difference>;

std::string ErrorText(int error) {
  return error == 0 ? "success" : strerrorname_np(error);
}

std::string TimeText(const statx_timestamp& t) {
  return std::to_string(t.tv_sec) + "." + std::to_string(t.tv_nsec);
}

// Atimes are of a clock that ticks every few milliseconds.
constexpr int64_t kClockTick = 20000000;

bool SameTime(const statx_timestamp& a, const statx_timestamp& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

int64_t Nanoseconds(const statx_timestamp& t) {
  return t.tv_sec * 1000000000 + t.tv_nsec;
}

std::string Octal(unsigned mode) {
  char text[16];
  snprintf(text, sizeof text, "%o", mode);
  return text;
}

std::string XattrText(const std::map<std::string, std::string>& xattrs) {
  std::string text;
  for (const auto& [name, value] : xattrs) text += name + "=" + Digest(value) + " ";
  return text;
}

unsigned char TypeOf(unsigned mode) {
  return static_cast<unsigned char>((mode & S_IFMT) >> 12);
}

}  // namespace

#define PLY_DIFFER(expr)                                     \
  do {                                                       \
    if (auto ply_difference = (expr)) return ply_difference; \
  } while (0)

// What is not to be reported is as if it were equal.
Maybe Comparer::Reported(Difference difference) const {
  if (ignored_.contains(difference.kind)) return std::nullopt;
  return difference;
}

Maybe Comparer::Differ(const std::string& kind, const std::string& subject, const std::string& kernel,
                       const std::string& ply) const {
  return Reported({kind, kind + ", " + (subject.empty() ? "." : subject) + ": " + names_.first + " " +
                             kernel + ", " + names_.second + " " + ply});
}

template <typename T>
Maybe Comparer::DifferIf(const std::string& kind, const std::string& subject, const T& kernel,
                         const T& ply) const {
  if (kernel == ply) return std::nullopt;
  return Differ(kind, subject, std::to_string(kernel), std::to_string(ply));
}

Maybe Comparer::DifferIfText(const std::string& kind, const std::string& subject, const std::string& kernel,
                             const std::string& ply) const {
  if (kernel == ply) return std::nullopt;
  return Differ(kind, subject, "'" + kernel + "'", "'" + ply + "'");
}

bool Comparer::OfTheRun(const statx_timestamp& t) const {
  constexpr int64_t kDay = 86400;  // steps also set times far in the future
  return t.tv_sec >= run_start_ && t.tv_sec < run_start_ + kDay;
}

// Of one object seen through two mounts one after the other.  Not atimes: the first snapshot has read every
// file; nor ctimes of directories, where the kernel drops impure marks as it lists (D11).
Maybe Comparer::CompareUnmoved(const Sight& kernel, const Sight& ply, Rules rules) {
  const bool both_born = (kernel.stx.stx_mask & ply.stx.stx_mask & STATX_BTIME) != 0;
  if (both_born && !SameTime(kernel.stx.stx_btime, ply.stx.stx_btime)) {
    const bool cached = masks_allowed_ && !rules.fresh && masks_->BirthTimeCached();
    if (!cached)
      PLY_DIFFER(
          Differ("btime", kernel.subject, TimeText(kernel.stx.stx_btime), TimeText(ply.stx.stx_btime)));
  }
  if (S_ISDIR(kernel.stx.stx_mode)) return std::nullopt;
  return DifferIfText("ctime", kernel.subject, TimeText(kernel.stx.stx_ctime), TimeText(ply.stx.stx_ctime));
}

void Comparer::SetReadonly(bool read_only) {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  const int64_t at = now.tv_sec * 1000000000 + now.tv_nsec;
  if (read_only) readonly_.push_back({at - kClockTick, INT64_MAX});
  if (!read_only && !readonly_.empty())
    readonly_.back().second = std::min(readonly_.back().second, at + kClockTick);
}

bool Comparer::MovedReadonly(const Sight& ply) const {
  const int64_t at = Nanoseconds(ply.stx.stx_atime);
  for (const auto& [begin, end] : readonly_) {
    if (begin <= at && at <= end) return true;
  }
  return false;
}

Maybe Comparer::CompareTimes(const Sight& kernel, const Sight& ply, Rules rules) {
  const bool by_value = rules.same_layers || !OfTheRun(kernel.stx.stx_mtime) || !OfTheRun(ply.stx.stx_mtime);
  if (by_value && !SameTime(kernel.stx.stx_mtime, ply.stx.stx_mtime)) {
    PLY_DIFFER(Differ("mtime", kernel.subject, TimeText(kernel.stx.stx_mtime), TimeText(ply.stx.stx_mtime)));
  }
  if (rules.same_layers) return CompareUnmoved(kernel, ply, rules);
  const bool both_of_run = OfTheRun(kernel.stx.stx_atime) && OfTheRun(ply.stx.stx_atime);
  if (!both_of_run && !SameTime(kernel.stx.stx_atime, ply.stx.stx_atime)) {
    if (masks_allowed_ && masks_->AtimeNotMoved(kernel, ply, run_start_)) return std::nullopt;
    // Since a crossed remount the kernel serves what plyfs has read.
    if (masks_allowed_ && (ever_crossed_ || walked_apart_) && masks_->AtimeNotMoved(ply, kernel, run_start_))
      return std::nullopt;
    if (masks_allowed_ && MovedReadonly(ply) && masks_->AtimeMovedReadonly(kernel, run_start_))
      return std::nullopt;
    return Differ("atime", kernel.subject, TimeText(kernel.stx.stx_atime), TimeText(ply.stx.stx_atime));
  }
  return std::nullopt;
}

Maybe Comparer::CompareNumbers(const Sight& kernel, const Sight& ply, Rules rules) {
  const uint64_t k = kernel.stx.stx_ino, p = ply.stx.stx_ino;
  if (userxattr_ && !S_ISREG(kernel.stx.stx_mode) && !S_ISDIR(kernel.stx.stx_mode)) {
    masks_->NumberWithoutOrigin();
    return std::nullopt;
  }
  if (rules.same_layers) return DifferIf("inode number", kernel.subject, k, p);
  const std::string clash =
      crossed_ ? inodes_.Match(p, k, kernel.subject) : inodes_.Match(k, p, kernel.subject);
  if (clash.empty()) return std::nullopt;
  return Reported({"inode number", "inode number of " + kernel.subject + ": " + clash});
}

Maybe Comparer::CompareSights(const Sight& kernel, const Sight& ply, Rules rules) {
  const std::string& subject = kernel.subject;
  if (kernel.error != ply.error) {
    return Differ("lookup", subject, ErrorText(kernel.error), ErrorText(ply.error));
  }
  if (kernel.error != 0) return std::nullopt;
  const struct statx &k = kernel.stx, &p = ply.stx;
  PLY_DIFFER(DifferIfText("mode", subject, Octal(k.stx_mode), Octal(p.stx_mode)));
  PLY_DIFFER(DifferIf("uid", subject, k.stx_uid, p.stx_uid));
  PLY_DIFFER(DifferIf("gid", subject, k.stx_gid, p.stx_gid));
  if (!S_ISDIR(k.stx_mode)) PLY_DIFFER(DifferIf("size", subject, k.stx_size, p.stx_size));
  PLY_DIFFER(DifferIf("rdev major", subject, k.stx_rdev_major, p.stx_rdev_major));
  PLY_DIFFER(DifferIf("rdev minor", subject, k.stx_rdev_minor, p.stx_rdev_minor));
  PLY_DIFFER(DifferIf("blksize", subject, k.stx_blksize, p.stx_blksize));
  const uint32_t k_birth = k.stx_mask & STATX_BTIME, p_birth = p.stx_mask & STATX_BTIME;
  if (k_birth != p_birth && !(masks_allowed_ && masks_->NoBirthTime(kernel, ply))) {
    PLY_DIFFER(DifferIf("has btime", subject, k_birth, p_birth));
  }
  if (k.stx_nlink != p.stx_nlink && !(masks_allowed_ && masks_->UnlinkedLowerNlink(kernel, ply))) {
    PLY_DIFFER(DifferIf("nlink", subject, k.stx_nlink, p.stx_nlink));
  }
  PLY_DIFFER(CompareNumbers(kernel, ply, rules));
  return CompareTimes(kernel, ply, rules);
}

// Which times a step moved: finer than order, and sound because a queried time always moves visibly
// (multigrain timestamps, fs/inode.c:inode_set_ctime_current).
Maybe Comparer::CompareChanges(const Step& step, const Outcome& kernel, const Outcome& ply) {
  for (size_t i = 0; i < kernel.before.size() && i < kernel.after.size() && i < ply.before.size(); ++i) {
    const Sight &k0 = kernel.before[i], &k1 = kernel.after[i], &p0 = ply.before[i], &p1 = ply.after[i];
    // Where a name has come to mean another object there is no change to speak of.
    if (k0.stx.stx_ino != k1.stx.stx_ino || p0.stx.stx_ino != p1.stx.stx_ino) continue;
    if (k0.subject != k1.subject || k0.error != 0 || k1.error != 0 || p0.error != 0 || p1.error != 0)
      continue;
    const bool k_m = !SameTime(k0.stx.stx_mtime, k1.stx.stx_mtime);
    const bool p_m = !SameTime(p0.stx.stx_mtime, p1.stx.stx_mtime);
    PLY_DIFFER(DifferIf("mtime moved", k0.subject, k_m, p_m));
    const bool k_c = !SameTime(k0.stx.stx_ctime, k1.stx.stx_ctime);
    const bool p_c = !SameTime(p0.stx.stx_ctime, p1.stx.stx_ctime);
    const bool only_kernel = k_c && !p_c && masks_allowed_;
    if (only_kernel && (masks_->ImpureDropped(step, k1) || masks_->ImpureSetAgain(step, kernel, k1)))
      continue;
    const bool only_ply = p_c && !k_c && masks_allowed_;
    if (only_ply && refusals_ && masks_->ImpureForNothing(step, kernel, k1)) continue;
    if (only_ply && masks_->SetGidGoesInSilence(step, k0, k1)) continue;
    PLY_DIFFER(DifferIf("ctime moved", k0.subject, k_c, p_c));
  }
  return std::nullopt;
}

Maybe Comparer::CompareLists(const std::vector<ListEntry>& kernel, const std::vector<ListEntry>& ply) {
  size_t k = 0, p = 0;
  while (k < kernel.size() || p < ply.size()) {
    const bool only_kernel = p == ply.size() || (k < kernel.size() && kernel[k].name < ply[p].name);
    const bool only_ply = !only_kernel && (k == kernel.size() || ply[p].name < kernel[k].name);
    if (only_kernel) {
      if (!masks_allowed_ || !masks_->GhostListed(&kernel[k], nullptr)) {
        PLY_DIFFER(Differ("listing", kernel[k].name, "listed", "absent"));
      }
      ++k;
    } else if (only_ply) {
      const bool may_be_left_out = refusals_ && masks_allowed_;
      if (!may_be_left_out || !(masks_->RefusedNotListed(ply[p]) || masks_->GhostListedByPly(ply[p]))) {
        PLY_DIFFER(Differ("listing", ply[p].name, "absent", "listed"));
      }
      ++p;
    } else {
      PLY_DIFFER(DifferIf("d_type", kernel[k].name, kernel[k].type, ply[p].type));
      PLY_DIFFER(DifferIf("listed but absent", kernel[k].name, kernel[k].ghost, ply[p].ghost));
      ++k, ++p;
    }
  }
  return std::nullopt;
}

Maybe Comparer::CompareOutcomes(const Step& step, const Outcome& kernel, const Outcome& ply, bool* part) {
  *part = false;
  if (kernel.error != ply.error || (step.op == Op::kSeek && kernel.data != ply.data)) {
    if (masks_allowed_ && masks_->UnlinkedLowerChange(step, kernel, ply)) {
      *part = true;
      return std::nullopt;
    }
    if (masks_allowed_ && masks_->ImpureTakesRoom(step, kernel, ply)) return std::nullopt;
    if (refusals_ && masks_allowed_ && masks_->RefusedEndsListing(step, kernel, ply)) return std::nullopt;
    if (masks_allowed_ && masks_->MappingBeyondFile(step, kernel, ply)) return std::nullopt;
    if (!masks_allowed_ || !masks_->HoleLayout(step, kernel, ply)) {
      // The operation belongs to the kind: the shrinker must not trade one errno for another's.
      PLY_DIFFER(Differ("errno of " + Label(step), step.path, ErrorText(kernel.error),
                        ErrorText(ply.error) + " " + ply.data));
    }
  }
  PLY_DIFFER(DifferIfText("result of " + Label(step), step.path, kernel.data, ply.data));
  if (kernel.mapped != ply.mapped && !(masks_allowed_ && masks_->MappingOfOldDescriptor(kernel, ply))) {
    PLY_DIFFER(DifferIfText("mapped data", Label(step), kernel.mapped, ply.mapped));
  }
  PLY_DIFFER(CompareLists(kernel.list, ply.list));
  for (size_t i = 0; i < kernel.after.size() && i < ply.after.size(); ++i) {
    PLY_DIFFER(CompareSights(kernel.after[i], ply.after[i], {}));
  }
  return fine_times_ ? CompareChanges(step, kernel, ply) : std::nullopt;
}

Maybe Comparer::CompareNodes(const std::string& path, const Node& kernel, const Node& ply, Rules rules) {
  const std::string subject = path.empty() ? "." : path;
  PLY_DIFFER(CompareSights(kernel.sight, ply.sight, rules));
  PLY_DIFFER(DifferIfText("data", subject, kernel.data, ply.data));
  if (kernel.xattrs != ply.xattrs) {
    PLY_DIFFER(Differ("xattrs", subject, XattrText(kernel.xattrs), XattrText(ply.xattrs)));
  }
  if (!path.empty()) PLY_DIFFER(DifferIf("d_type", subject, kernel.d_type, ply.d_type));
  return std::nullopt;
}

Maybe Comparer::CheckListedNumbers(const Snapshot& tree, bool plyfs_served) {
  for (const auto& [path, node] : tree) {
    if (path.empty() || node.sight.error != 0) continue;
    const std::string who = " by " + (plyfs_served ? names_.second : names_.first);
    if (node.d_type != TypeOf(node.sight.stx.stx_mode)) {
      PLY_DIFFER(Reported({"d_type against stat", "d_type of " + path + who + " is not its type"}));
    }
    if (node.d_ino == node.sight.stx.stx_ino || masks_->ListedNumber(plyfs_served)) continue;
    PLY_DIFFER(Reported({"d_ino", "d_ino of " + path + who + ": " + std::to_string(node.d_ino) + ", st_ino " +
                                      std::to_string(node.sight.stx.stx_ino)}));
  }
  return std::nullopt;
}

Maybe Comparer::CompareListedNumbers(const Snapshot& kernel, const Snapshot& ply) {
  for (const auto& [path, node] : ply) {
    auto other = kernel.find(path);
    if (path.empty() || other == kernel.end() || node.d_ino == node.sight.stx.stx_ino) continue;
    if (other->second.d_ino != other->second.sight.stx.stx_ino || node.sight.error != 0) continue;
    PLY_DIFFER(Differ("d_ino", path, "the number that stat tells", "another"));
  }
  return std::nullopt;
}

// No two objects may have been modified in opposite orders.  Within a margin they may: one step touches
// several objects in an order of its own, and clocks tick every few milliseconds.
Maybe Comparer::CompareOrder(const Snapshot& kernel, const Snapshot& ply) {
  struct Times {
    const std::string* path;
    int64_t kernel, ply;
  };
  std::vector<Times> times;
  for (const auto& [path, node] : kernel) {
    auto other = ply.find(path);
    if (other == ply.end() || node.sight.error != 0 || other->second.sight.error != 0) continue;
    const statx_timestamp &k = node.sight.stx.stx_mtime, &p = other->second.sight.stx.stx_mtime;
    if (OfTheRun(k) && OfTheRun(p)) times.push_back({&path, Nanoseconds(k), Nanoseconds(p)});
  }
  for (const Times& first : times) {
    for (const Times& second : times) {
      if (first.kernel + kClockTick < second.kernel && first.ply > second.ply + kClockTick) {
        PLY_DIFFER(
            Reported({"order of mtimes", "order of mtimes: " + names_.first + " " + *first.path + " before " +
                                             *second.path + ", " + names_.second + " after"}));
      }
    }
  }
  return std::nullopt;
}

// `unread`: directories that the kernel cannot list to the end, which say nothing of what it lacks.
Maybe Comparer::CompareNames(const Snapshot& kernel, const Snapshot& ply,
                             const std::set<std::string>& unread) {
  for (const auto& [path, node] : kernel) {
    if (ply.contains(path) || (masks_allowed_ && masks_->GhostListed(&node, nullptr))) continue;
    PLY_DIFFER(Differ("name", path, "present", "absent"));
  }
  for (const auto& [path, node] : ply) {
    if (kernel.contains(path) || IsBeneath(path, unread)) continue;
    const bool may_be_left_out = refusals_ && masks_allowed_;
    if (may_be_left_out && (masks_->RefusedNotListed(node) || masks_->GhostListedByPly(node))) continue;
    PLY_DIFFER(Differ("name", path, "absent", "present"));
  }
  return std::nullopt;
}

Maybe Comparer::CompareAll(const Snapshot& kernel, const Snapshot& ply, Rules rules,
                           const std::string& when) {
  auto with_time = [&when](Difference d) { return Difference{d.kind, when + ": " + d.text}; };
  std::set<std::string> unread;
  for (const auto& [path, node] : kernel) {
    if (refusals_ && masks_allowed_ && masks_->RefusedEndsListing(path, kernel, ply)) unread.insert(path);
    auto other = ply.find(path);
    if (other == ply.end()) continue;
    Node shown = node;
    if (unread.contains(path)) shown.data = other->second.data;
    if (auto d = CompareNodes(path, shown, other->second, rules)) return with_time(*d);
  }
  walked_apart_ |= !unread.empty();
  if (auto d = CompareNames(kernel, ply, unread)) return with_time(*d);
  if (foreign_) return CompareListedNumbers(kernel, ply);
  if (auto d = CheckListedNumbers(kernel, false)) return with_time(*d);
  if (auto d = CheckListedNumbers(ply, masks_allowed_)) return with_time(*d);
  return std::nullopt;
}

Maybe Comparer::CompareTrees(const Snapshot& kernel, const Snapshot& ply, const std::string& when) {
  PLY_DIFFER(CompareAll(kernel, ply, {}, when));
  return CompareOrder(kernel, ply);
}

Maybe Comparer::CompareSameLayers(const Snapshot& kernel, const Snapshot& ply, const std::string& when,
                                  bool fresh) {
  return CompareAll(kernel, ply, {.same_layers = true, .fresh = fresh}, when);
}

#undef PLY_DIFFER

}  // namespace plyfs::diff
