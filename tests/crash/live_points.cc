#include "tests/crash/live_points.h"

#include <stdio.h>
#include <string.h>

#include "engine/io/fault.h"
#include "tests/crash/disk.h"
#include "tests/crash/mounted_case.h"
#include "tests/crash/state.h"
#include "tests/crash/upper_rules.h"

namespace plyfs::crash {
namespace {

bool ChangesDisk(const std::string& op) {
  for (int i = 0; i < static_cast<int>(Op::kCount); ++i) {
    if (op == OpName(static_cast<Op>(i))) return OpChangesDisk(static_cast<Op>(i));
  }
  return false;
}

class LiveRun {
 public:
  LiveRun(const Case& c, Disk* disk, const Options& options)
      : case_(c), disk_(*disk), mounted_(c, disk->root(), options.program) {}

  // Empty, or why the case cannot be done at all.
  std::string Learn();
  // Points are first..last: numbers of calls, counted from the start of the daemon.  What fails before the
  // first change can have changed nothing; in the engine alone all calls fail (fault_points.h).
  size_t first() const { return first_; }
  size_t last() const { return calls_.size(); }
  const std::string& call(size_t n) const { return calls_[n - 1].op; }
  // Call n answers EIO.  Empty, or what was wrong.
  std::string Try(size_t n);

 private:
  std::string Begin(const std::string& fault);
  std::string FaultAtCall(size_t n) const;
  std::string IsOneOf(const State& found, size_t done, bool failed) const;
  State Look() const { return StateOf(diff::TakeSnapshot(mounted_.mountpoint())); }

  const Case& case_;
  Disk& disk_;
  MountedCase mounted_;
  std::vector<State> states_;  // before the acts, and after each
  std::vector<Change> calls_;  // before and in the acts
  size_t first_ = 1;
};

std::string LiveRun::Begin(const std::string& fault) {
  disk_.Renew();
  if (std::string why = mounted_.Mount(fault); !why.empty()) return why;
  if (std::string why = mounted_.Prepare(); !why.empty()) return why;
  State now = Look();
  if (states_.empty()) states_.push_back(now);
  return DifferenceOf(states_[0], now);
}

std::string LiveRun::Learn() {
  for (bool look : {false, true}) {
    if (std::string why = Begin("any=log"); !why.empty()) return why;
    if (!look) first_ = ReadLog(mounted_.log_path()).size() + 1;
    for (const Act& act : case_.acts) {
      if (int error = mounted_.Do(act); error != 0) return ActText(act) + ": " + strerror(error);
      if (look) states_.push_back(Look());
    }
    if (!look) calls_ = ReadLog(mounted_.log_path());
    if (std::string why = mounted_.Unmount(); !why.empty()) return why;
  }
  while (first_ <= calls_.size() && !ChangesDisk(call(first_))) ++first_;
  return "";
}

// What was done stays done, so an act that failed has left the old tree or the new one.
std::string LiveRun::IsOneOf(const State& found, size_t done, bool failed) const {
  std::string difference = DifferenceOf(states_[done], found);
  if (!failed || difference.empty()) return difference;
  State forgiven = found;
  if (ChangesData(case_.acts[done])) {
    ForgiveChangedData(states_[done], states_[done + 1], states_[done + 1], &forgiven);
  }
  return DifferenceOf(states_[done + 1], forgiven).empty() ? "" : difference;
}

// By its kind, and how many of these there were: some questions asked of the plan are no calls.
std::string LiveRun::FaultAtCall(size_t n) const {
  size_t nth = 0;
  for (size_t i = 0; i < n; ++i) nth += calls_[i].op == calls_[n - 1].op;
  return calls_[n - 1].op + "@" + std::to_string(nth) + "=EIO";
}

std::string LiveRun::Try(size_t n) {
  mounted_.TakeAway();  // what a point that failed has left
  if (std::string why = Begin(FaultAtCall(n)); !why.empty()) return why;
  size_t done = 0;
  while (done < case_.acts.size() && mounted_.Do(case_.acts[done]) == 0) ++done;
  const bool failed = done < case_.acts.size();
  const State live = Look();
  std::string wrong = IsOneOf(live, done, failed);
  if (!wrong.empty()) wrong = "in the live mount: " + wrong;
  if (std::string why = mounted_.Unmount(); wrong.empty()) wrong = why;
  if (wrong.empty()) wrong = BrokenRule(disk_.root());
  if (wrong.empty()) wrong = mounted_.Mount("");
  if (wrong.empty()) wrong = DifferenceOf(Look(), live);
  if (std::string why = mounted_.Unmount(); wrong.empty()) wrong = why;
  return wrong;
}

Tally RunCase(const Case& c, size_t index, Disk* disk, const Options& options) {
  LiveRun run(c, disk, options);
  if (std::string why = run.Learn(); !why.empty()) {
    printf("FAILED  live %s: %s\n", c.name.c_str(), why.c_str());
    return {1, 1};
  }
  Tally tally;
  for (size_t n = run.first(); n <= run.last(); ++n) {
    if (options.quick && (options.seed + index + n) % 12 != 0) continue;
    ++tally.points;
    const std::string wrong = run.Try(n);
    if (wrong.empty()) continue;
    ++tally.failed;
    printf("FAILED  live %s: EIO at call %zu (%s): %s\n", c.name.c_str(), n + 1 - run.first(),
           run.call(n).c_str(), wrong.c_str());
  }
  printf("live    %5lu points, %4zu calls: %s\n", tally.points, run.last() + 1 - run.first(), c.name.c_str());
  fflush(stdout);
  return tally;
}

}  // namespace

Tally RunLivePoints(const std::vector<Case>& script, const Options& options) {
  std::string error;
  std::unique_ptr<Disk> disk = Disk::Make("ext4", &error);
  if (disk == nullptr) {
    fprintf(stderr, "plyfs_crash: %s\n", error.c_str());
    return {1, 1};
  }
  Tally all;
  for (size_t i = 0; i < script.size(); ++i) {
    if (script[i].name.find(options.only) == std::string::npos || script[i].acts.empty()) continue;
    if (options.quick && (options.seed + i) % 4 != 0) continue;
    all.Add(RunCase(script[i], i, disk.get(), options));
  }
  return all;
}

}  // namespace plyfs::crash
