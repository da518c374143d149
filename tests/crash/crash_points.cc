#include "tests/crash/crash_points.h"

#include <stdio.h>
#include <string.h>

#include <map>

#include "tests/crash/disk.h"
#include "tests/crash/mounted_case.h"
#include "tests/crash/state.h"
#include "tests/crash/upper_rules.h"
#include "tests/crash/world.h"
#include "tests/differential/masks.h"
#include "tests/differential/tree_lines.h"

namespace plyfs::crash {
namespace {

// What a case does when nothing crashes.
struct Trail {
  std::vector<State> states;    // before the acts, and after each
  std::vector<Change> changes;  // of the whole life of the daemon
  size_t before = 0;            // how many of them come before the acts
};

class CrashRun {
 public:
  CrashRun(const Case& c, Disk* disk, const Options& options, Cut cut, Trail* trail)
      : case_(c), disk_(*disk), cut_(cut), trail_(*trail), mounted_(c, disk->root(), options.program) {}

  // Empty, or why the case cannot be done at all.
  std::string Learn();
  // Points are first..last: numbers of changes, counted from the start of the daemon.
  size_t first() const { return mounting() ? 1 : trail_.before + 1; }
  size_t last() const { return mounting() ? trail_.before : trail_.changes.size(); }
  // Dies before change n.  Empty, or what was wrong.
  std::string Try(size_t n);

 private:
  // A case without acts is the mounting itself.
  bool mounting() const { return case_.acts.empty(); }
  std::string Begin(const std::string& fault);
  std::string Act(size_t* done, bool* failed, size_t* synced);
  std::string Judge(size_t n, size_t done, bool failed, size_t synced);
  std::string MountBoth(bool kernel_first, diff::Snapshot* ply, diff::Snapshot* kernel);
  std::string SeenByPlyfs(diff::Snapshot* tree);
  std::string SeenByKernel(diff::Snapshot* tree) const;
  std::string IsOneOf(const State& found, size_t done, bool failed, size_t synced) const;
  bool ChangesDataBetween(size_t from, size_t to) const;

  const Case& case_;
  Disk& disk_;
  const Cut cut_;
  Trail& trail_;
  MountedCase mounted_;
};

std::string CrashRun::Begin(const std::string& fault) {
  disk_.Renew();
  if (mounting()) LeaveInWork(disk_.root());
  disk_.Sync();
  return mounted_.Mount(fault);
}

// Looking at the tree may itself write records (L24), so counting and looking are two lives.
std::string CrashRun::Learn() {
  for (bool look : {false, true}) {
    if (std::string why = Begin("change=log"); !why.empty()) return why;
    if (std::string why = mounted_.Prepare(); !why.empty()) return why;
    if (!look) trail_.before = ReadLog(mounted_.log_path()).size();
    if (look) trail_.states.push_back(StateOf(diff::TakeSnapshot(mounted_.mountpoint())));
    for (const crash::Act& act : case_.acts) {
      if (int error = mounted_.Do(act); error != 0) return ActText(act) + ": " + strerror(error);
      if (look) trail_.states.push_back(StateOf(diff::TakeSnapshot(mounted_.mountpoint())));
    }
    if (std::string why = mounted_.Unmount(); !why.empty()) return why;
    if (!look) trail_.changes = ReadLog(mounted_.log_path());
  }
  return "";
}

// Does the acts until one fails; *synced: of how many of them a sync was acknowledged.
std::string CrashRun::Act(size_t* done, bool* failed, size_t* synced) {
  if (std::string why = mounted_.Prepare(); !why.empty()) return why;
  // What came before is not what is lost.
  if (cut_ != Cut::kNone) disk_.Sync();
  for (*done = 0; *done < case_.acts.size(); ++*done) {
    const crash::Act& act = case_.acts[*done];
    if (int error = mounted_.Do(act); error != 0) {
      *failed = true;
      return error == ENOTCONN || error == ECONNABORTED ? "" : ActText(act) + ": " + strerror(error);
    }
    if (!act.chattr && act.step.op == diff::Op::kFsync) *synced = *done + 1;
  }
  return "";
}

std::string CrashRun::Try(size_t n) {
  size_t done = 0, synced = 0;
  bool failed = false;
  std::string why = Begin("change@" + std::to_string(n) + "=kill");
  if (mounting()) {
    if (why.find("killed by signal 9") == std::string::npos) return "did not die while mounting: " + why;
    why.clear();
  } else {
    if (why.empty()) why = Act(&done, &failed, &synced);
    if (why.empty() && !failed) why = "did not die";
  }
  mounted_.TakeAway();
  if (why.empty() && cut_ != Cut::kNone) why = disk_.CutPower(cut_);
  return why.empty() ? Judge(n, done, failed, synced) : why;
}

std::string CrashRun::SeenByPlyfs(diff::Snapshot* tree) {
  if (std::string why = mounted_.Mount(""); !why.empty()) return "plyfs does not mount it: " + why;
  *tree = diff::TakeSnapshot(mounted_.mountpoint());
  // Emptied by the mount, which tries whether whiteouts can be made.
  std::string left = LeftInWork(disk_.root(), /*all=*/false);
  std::string why = mounted_.Unmount();
  return why.empty() ? left : why;
}

std::string CrashRun::SeenByKernel(diff::Snapshot* tree) const {
  std::string error;
  auto live = test::LiveMount::Kernel(PlanOf(disk_.root(), OptionsOf(case_, /*kernel=*/true)), &error);
  if (live == nullptr) return "the kernel does not mount it: " + error;
  if (access(live->mountpoint().c_str(), W_OK) != 0) return "the kernel mounts it read-only (M14)";
  *tree = diff::TakeSnapshot(live->mountpoint());
  return live->Unmount(&error) ? "" : error;
}

std::string CrashRun::MountBoth(bool kernel_first, diff::Snapshot* ply, diff::Snapshot* kernel) {
  std::string why = kernel_first ? SeenByKernel(kernel) : SeenByPlyfs(ply);
  if (!why.empty()) return why;
  return kernel_first ? SeenByPlyfs(ply) : SeenByKernel(kernel);
}

bool CrashRun::ChangesDataBetween(size_t from, size_t to) const {
  for (size_t i = from; i < to; ++i) {
    if (ChangesData(case_.acts[i])) return true;
  }
  return false;
}

// The tree is that of before or after the act in which the daemon died; where the disk died without flushing
// its log, that of any act since the last sync.  Data that the acts wrote and did not sync may be anything.
std::string CrashRun::IsOneOf(const State& found, size_t done, bool failed, size_t synced) const {
  const size_t least = cut_ == Cut::kUnlogged ? synced : done;
  const size_t most = failed ? done + 1 : done;
  std::string difference;
  for (size_t i = least; i <= most; ++i) {
    State forgiven = found;
    const size_t from = cut_ == Cut::kNone ? done : synced;
    if (ChangesDataBetween(from, most)) {
      for (size_t a = from; a <= most; ++a) {
        for (size_t b = from; b <= most; ++b)
          ForgiveChangedData(trail_.states[a], trail_.states[b], trail_.states[i], &forgiven);
      }
    }
    difference = DifferenceOf(trail_.states[i], forgiven);
    if (difference.empty()) return "";
  }
  return "neither old nor new: " + difference;
}

std::string CrashRun::Judge(size_t n, size_t done, bool failed, size_t synced) {
  if (std::string broken = BrokenRule(disk_.root()); !broken.empty()) return broken;
  diff::Snapshot ply, kernel;
  if (std::string why = MountBoth(n % 2 == 0, &ply, &kernel); !why.empty()) return why;
  if (std::string wrong = IsOneOf(StateOf(ply), done, failed, synced); !wrong.empty()) return wrong;
  // Each mount writes records of its own into the root, which moves ctimes.
  for (auto* tree : {&ply, &kernel}) {
    for (auto& entry : *tree) entry.second.sight.stx.stx_ctime = {};
  }
  diff::Masks masks;
  auto differ = diff::CompareWithKernel(ply, kernel, {"after a crash", "plyfs", "kernel"}, &masks);
  return differ ? differ->text : "";
}

// What crashes where.
struct Ground {
  const char* name;
  const char* type;
  Cut cut;
};
constexpr Ground kGrounds[] = {
    {"kill", "ext4", Cut::kNone},
    {"cut on ext4, log flushed", "ext4", Cut::kLogged},
    {"cut on ext4", "ext4", Cut::kUnlogged},
    {"cut on xfs, log flushed", "xfs", Cut::kLogged},
    {"cut on xfs", "xfs", Cut::kUnlogged},
};

// In a quick run one point in so many.
bool IsWanted(const Options& options, size_t index, size_t n, size_t ground) {
  if (!options.quick) return true;
  return (options.seed + 3 * index + n) % (ground == 0 ? 10 : 40) == ground;
}

Tally RunCase(const Case& c, size_t index, const std::map<std::string, std::unique_ptr<Disk>>& disks,
              const Options& options) {
  std::map<std::string, Trail> trails;  // which calls are made is also the filesystem's affair
  Tally tally;
  size_t changes = 0;
  for (size_t ground = 0; ground < std::size(kGrounds); ++ground) {
    const auto& [name, type, cut] = kGrounds[ground];
    // Learning is most of a quick run.
    if (options.quick && ground > 2 && (options.seed + index) % 3 != 0) continue;
    Trail& trail = trails[type];
    CrashRun run(c, disks.at(type).get(), options, cut, &trail);
    if (std::string why = trail.states.empty() ? run.Learn() : ""; !why.empty()) {
      printf("FAILED  crash %s: on %s: %s\n", c.name.c_str(), type, why.c_str());
      return {1, 1};
    }
    changes = run.last() + 1 - run.first();
    for (size_t n = run.first(); n <= run.last(); ++n) {
      if (!IsWanted(options, index, n, ground)) continue;
      ++tally.points;
      const std::string wrong = run.Try(n);
      if (wrong.empty()) continue;
      ++tally.failed;
      printf("FAILED  crash %s: %s before change %zu (%s): %s\n", c.name.c_str(), name, n - run.first() + 1,
             trail.changes[n - 1].op.c_str(), wrong.c_str());
    }
  }
  printf("crash   %5lu points, %2zu changes: %s\n", tally.points, changes, c.name.c_str());
  fflush(stdout);
  return tally;
}

}  // namespace

Tally RunCrashPoints(const std::vector<Case>& script, const Options& options) {
  std::map<std::string, std::unique_ptr<Disk>> disks;
  for (const char* type : {"ext4", "xfs"}) {
    std::string error;
    disks[type] = Disk::Make(type, &error);
    if (disks[type] == nullptr) {
      fprintf(stderr, "plyfs_crash: %s\n", error.c_str());
      return {1, 1};
    }
  }
  Tally all;
  for (size_t i = 0; i < script.size(); ++i) {
    if (script[i].name.find(options.only) == std::string::npos) continue;
    if (options.quick && (options.seed + i) % 2 != 0) continue;
    all.Add(RunCase(script[i], i, disks, options));
  }
  return all;
}

}  // namespace plyfs::crash
