#include "tests/differential/hands.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "tests/differential/executor.h"
#include "tests/differential/hand_act.h"
#include "tests/differential/tree_lines.h"
#include "tests/mount/files.h"

namespace plyfs::diff {
namespace {

using Maybe = std::optional<Difference>;
using Clock = std::chrono::steady_clock;

int MillisSince(Clock::time_point begin) {
  return static_cast<int>(
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin).count());
}

bool HasRecord(const std::string& path, const char* record) {
  int error = 0;
  (void)test::GetXattr(path, record, &error);
  return error == 0;
}

// Whether what upper has at `path` is a copy that only a hand can have put into its directory.
bool IsCopyInUnmarkedDirectory(const std::string& upper, const std::string& path) {
  const std::string copy = upper + "/" + path;
  return !HasRecord(copy.substr(0, copy.rfind('/')), "trusted.overlay.impure") &&
         HasRecord(copy, "trusted.overlay.origin");
}

// A client that never rests, beside the one that performs the acts.
class Walker {
 public:
  Walker(const std::string& mount, uint64_t seed) : thread_([this, mount, seed] { Walk(mount, seed); }) {}
  ~Walker() {
    stop_ = true;
    thread_.join();
  }
  Walker(const Walker&) = delete;
  Walker& operator=(const Walker&) = delete;

 private:
  void Walk(const std::string& mount, uint64_t seed) {
    Dice dice(seed);
    while (!stop_) {
      std::string path = mount;
      for (uint64_t depth = 1 + dice.Below(3); depth > 0; --depth) path += "/" + dice.Pick(Alphabet());
      LookAt(path);
    }
  }
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class HandsRun {
 public:
  HandsRun(const HandsPlan& plan, Dirs dirs, Masks* masks, Table* table)
      : plan_(plan),
        world_(MakeWorld(plan.run.world)),
        dirs_(std::move(dirs)),
        masks_(masks),
        table_(table),
        client_(dirs_.mount) {
    fresh_mount_ = dirs_.base + "/fresh";
  }

  HandsResult Go();

 private:
  Maybe MountLive();
  Maybe Round(Dice* dice);
  void Act(const HandAct& act);
  void Warm();
  Maybe Settle();
  Maybe CompareOnce();
  void PassUnmarkedCopies(Snapshot* live);
  std::string Fresh(bool kernel, Snapshot* tree);

  const HandsPlan& plan_;
  const World world_;
  const Dirs dirs_;
  Masks* const masks_;
  Table* const table_;
  std::string fresh_mount_;
  std::unique_ptr<test::LiveMount> live_;
  Executor client_;
  Clock::time_point changed_;
  HandsResult result_;
};

Maybe HandsRun::MountLive() {
  test::MountPlan mount{dirs_.lowers, dirs_.upper, dirs_.work, "", dirs_.mount, ""};
  mount.options = std::string("lower=watch,redirect_dir=") + (plan_.run.redirect ? "on" : "off");
  if (!plan_.run.against.options.empty()) mount.options += "," + plan_.run.against.options;
  mount.plyctl = plan_.run.against.plyctl;
  std::string error;
  live_ = test::LiveMount::Program(plan_.run.against.program, mount, dirs_.base + "/log", &error,
                                   plan_.run.against.environment);
  if (live_ == nullptr) return Difference{"mount", "mount: " + error};
  return std::nullopt;
}

// Everything there is, and names that are not there.
void HandsRun::Warm() {
  const Snapshot tree = TakeSnapshot(dirs_.mount);
  for (const auto& [path, node] : tree) {
    if (node.sight.error != 0 || !S_ISDIR(node.sight.stx.stx_mode)) continue;
    for (const std::string& name : Alphabet()) client_.Look(path.empty() ? name : path + "/" + name);
  }
}

void HandsRun::Act(const HandAct& act) {
  const size_t number = result_.acts++;
  if (plan_.some && plan_.kept.count(number) == 0) return;
  int error = 0;
  if (act.kind == HandKind::kLook) {
    LookAt(dirs_.mount + "/" + act.path);
  } else if (act.kind == HandKind::kStep) {
    error = client_.Run(act.step).error;
    table_->Count("beside hands: " + Label(act.step), error);
  } else {
    error = PerformAct(act, dirs_);
    table_->Count("by hand", error);
    result_.changes += error == 0;
  }
  result_.text += std::to_string(number) + " " + Describe(act) +
                  (error != 0 ? std::string(": ") + strerrorname_np(error) : "") + "\n";
}

Maybe HandsRun::Round(Dice* dice) {
  const std::vector<HandAct> acts = DrawRound(dice, world_);
  const uint64_t walk = dice->Next();
  Warm();
  {
    std::unique_ptr<Walker> walker;
    if (walk % 2 == 0) walker = std::make_unique<Walker>(dirs_.mount, walk);
    for (const HandAct& act : acts) Act(act);
    changed_ = Clock::now();
  }
  result_.text += "-- compared\n";
  return Settle();
}

// What a mount shows that is made now.  Upper is read as the topmost lower, since the live mount has its
// lock.  Empty, or what failed.
std::string HandsRun::Fresh(bool kernel, Snapshot* tree) {
  test::MountPlan mount;
  mount.lowers = dirs_.lowers;
  mount.lowers.insert(mount.lowers.begin(), dirs_.upper);
  mount.mountpoint = fresh_mount_;
  mount.options = kernel ? "index=off,metacopy=off,xino=off,redirect_dir=follow" : "redirect_dir=follow";
  std::string error;
  auto fresh = kernel ? test::LiveMount::Kernel(mount, &error)
                      : test::LiveMount::Program(plan_.run.against.program, mount, dirs_.base + "/fresh.log",
                                                 &error, plan_.run.against.environment);
  if (fresh == nullptr) return error;
  *tree = TakeSnapshot(fresh_mount_);
  fresh->Unmount(&error);
  return error;
}

void HandsRun::PassUnmarkedCopies(Snapshot* live) {
  for (auto& [path, node] : *live) {
    if (node.sight.error != 0 || node.d_ino == node.sight.stx.stx_ino) continue;
    struct stat own = {};
    if (::lstat((dirs_.upper + "/" + path).c_str(), &own) < 0 || own.st_ino != node.d_ino) continue;
    if (!IsCopyInUnmarkedDirectory(dirs_.upper, path)) continue;
    if (masks_->CopyInUnmarkedDirectory()) node.d_ino = node.sight.stx.stx_ino;
  }
}

// The live tree first: looking at it may write records (L24) that the fresh mounts then find.
Maybe HandsRun::CompareOnce() {
  Snapshot live = TakeSnapshot(dirs_.mount);
  PassUnmarkedCopies(&live);
  Snapshot ply, kernel;
  std::string error = Fresh(false, &ply);
  if (error.empty()) {
    if (auto d = CompareLines(LinesOf(live), LinesOf(ply), {"hands, plyfs", "live", "fresh"})) return d;
    error = Fresh(true, &kernel);
  }
  if (!error.empty()) return Difference{"mount", "fresh mount: " + error};
  return CompareWithKernel(live, kernel, {"hands, kernel", "live", "kernel"}, masks_);
}

Maybe HandsRun::Settle() {
  constexpr int kLate = 10;  // times as patient: what comes then is late, and else never
  while (true) {
    const int begun = MillisSince(changed_);
    Maybe d = CompareOnce();
    if (!d) {
      result_.slowest_ms = std::max(result_.slowest_ms, begun);
      if (begun <= plan_.patience_ms) return std::nullopt;
    }
    if (begun < plan_.patience_ms) continue;
    if (!d) return Difference{"late", "seen only " + std::to_string(begun) + " ms after the change"};
    if (begun > kLate * plan_.patience_ms) return d;
  }
}

HandsResult HandsRun::Go() {
  Dice dice(plan_.run.world.seed * 3 + 2);
  result_.difference = MountLive();
  for (int round = 0; round < plan_.rounds && !result_.difference; ++round) result_.difference = Round(&dice);
  client_.CloseAll();
  std::string error;
  if (live_ != nullptr && !live_->Unmount(&error) && !result_.difference) {
    result_.difference = Difference{"unmount", "unmount: " + error};
  }
  return std::move(result_);
}

}  // namespace

HandsResult PerformHands(const HandsPlan& plan, Masks* masks, Table* table) {
  const std::string base = plan.run.dir + "/hands";
  Dirs dirs;
  HandsResult result;
  test::RemoveTree(base);
  if (mkdir(base.c_str(), 0755) < 0 || !MakeDirs(base, plan.run.world.lowers, &dirs) ||
      mkdir((base + "/fresh").c_str(), 0755) < 0) {
    result.difference = Difference{"harness", base + ": " + strerror(errno)};
    return result;
  }
  const World world = MakeWorld(plan.run.world);
  // What changes by another hard link is not promised (U2).
  std::set<size_t> dropped = plan.run.dropped;
  for (size_t i = 0; i < world.entries.size(); ++i) {
    if (world.entries[i].kind == EntryKind::kLink) dropped.insert(i);
  }
  const std::string error = WriteWorld(world, dropped, dirs);
  if (!error.empty()) {
    result.difference = Difference{"harness", error};
    return result;
  }
  result = HandsRun(plan, dirs, masks, table).Go();
  if (!plan.run.keep) test::RemoveTree(base);
  return result;
}

}  // namespace plyfs::diff
