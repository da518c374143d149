#include "tests/plyfuzz/campaign.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "tests/differential/hands.h"
#include "tests/differential/shrink.h"
#include "tests/plyfuzz/mount_options.h"
#include "tests/plyfuzz/script.h"
#include "tests/plyfuzz/script_check.h"
#include "tests/plyfuzz/threads.h"

namespace plyfs::fuzz {
namespace {

using diff::Against;
using diff::RunPlan;
using diff::RunResult;
using diff::Step;

constexpr int kKillTries = 3;
constexpr size_t kStepTries = 400, kEntryTries = 300;

Against Side(const std::string& program) {
  Against side;
  if (program == "kernel") return side;
  side.program = program;
  side.foreign = program.substr(program.rfind('/') + 1) != "plyfs";
  return side;
}

std::string FirstLine(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

void Add(std::string* options, const std::string& more) {
  if (!options->empty() && !more.empty()) *options += ",";
  *options += more;
}

// What both know of; of somebody else's program nobody knows, and only what was asked for is given to it.
void DrawOptions(uint64_t seed, RunPlan* plan) {
  enum { kDefaults, kRedirect, kUserxattr, kXino, kHostile, kXinoRedirect, kWays };
  if (plan->against.foreign || plan->reference.foreign || !plan->options.empty()) return;
  const uint64_t way = seed % kWays;
  plan->redirect = way == kRedirect || way == kXinoRedirect;
  plan->world.userxattr = way == kUserxattr;
  if (way == kXino || way == kXinoRedirect) plan->options = "xino=on";
  // Records that no mount writes, read with metacopy, nofollow and data-only layers too.
  plan->world.hostile = way == kHostile && !plan->against.IsKernel();
  diff::Dice dice(seed * 7 + 3);
  const bool both_plyfs = !plan->against.IsKernel() && !plan->reference.IsKernel();
  if (both_plyfs) Add(&plan->options, DrawMountOptions(Drawn::kOwn, &dice));
  if (!plan->against.IsKernel()) plan->against.options = DrawMountOptions(Drawn::kNeutral, &dice);
}

std::string WayOf(const RunPlan& plan) {
  std::string way;
  if (plan.redirect) way += ", redirect_dir=on";
  if (plan.world.userxattr) way += ", userxattr";
  if (plan.world.hostile) way += ", hostile layers";
  for (const std::string& options : {plan.options, plan.against.options}) {
    if (!options.empty()) way += ", " + options;
  }
  return way;
}

}  // namespace

Campaign::Campaign(Options options, std::string dir, const volatile sig_atomic_t* stop)
    : options_(std::move(options)), dir_(std::move(dir)), stop_(stop), begin_(time(nullptr)) {}

RunPlan Campaign::PlanOf(uint64_t seed) const {
  RunPlan plan;
  plan.world.seed = seed;
  plan.world.lowers = options_.layers;
  plan.steps = options_.steps;
  plan.against = Side(options_.subject);
  plan.reference = Side(options_.against);
  plan.options = options_.mount_options;
  plan.cross = options_.cross;
  plan.faults = options_.faults;
  plan.ignored = options_.ignored;
  plan.dir = dir_;
  DrawOptions(seed, &plan);
  return plan;
}

bool Campaign::Fails(const RunPlan& plan, const std::string& kind) {
  // Where within a step a kill comes is chance.
  const int tries = kind.starts_with("killed") ? kKillTries : 1;
  for (int i = 0; i < tries && *stop_ == 0; ++i) {
    const RunResult got = Perform(plan, &masks_, &table_);
    if (got.difference && got.difference->kind == kind) return true;
  }
  return false;
}

// Makes the sequence short, then the layers small, keeping to the kind of difference first found.
RunPlan Campaign::Shrunk(const RunPlan& plan, const RunResult& result) {
  RunPlan small = plan;
  const std::string kind = result.difference->kind;
  small.fixed = diff::Shrink<Step>(result.steps, kStepTries, [&](const std::vector<Step>& steps) {
    RunPlan trial = small;
    trial.fixed = steps;
    return Fails(trial, kind);
  });
  std::vector<size_t> kept(MakeWorld(plan.world).entries.size());
  for (size_t i = 0; i < kept.size(); ++i) kept[i] = i;
  const auto without = [all = kept](const std::vector<size_t>& keep) {
    std::set<size_t> dropped(all.begin(), all.end());
    for (size_t i : keep) dropped.erase(i);
    return dropped;
  };
  kept = diff::Shrink<size_t>(kept, kEntryTries, [&](const std::vector<size_t>& keep) {
    RunPlan trial = small;
    trial.dropped = without(keep);
    return Fails(trial, kind);
  });
  small.dropped = without(kept);
  return WithoutEmptyLowers(small, kind);
}

RunPlan Campaign::WithoutEmptyLowers(RunPlan plan, const std::string& kind) {
  std::set<int> holding;
  const diff::World world = MakeWorld(plan.world);
  for (size_t i = 0; i < world.entries.size(); ++i) {
    if (!world.entries[i].path.empty() && !plan.dropped.contains(i)) holding.insert(world.entries[i].layer);
  }
  for (int lower = plan.world.lowers - 1; lower >= 0; --lower) {
    const bool last = plan.absent.size() + 1 == static_cast<size_t>(plan.world.lowers);
    if (holding.contains(lower) || last) continue;
    RunPlan trial = plan;
    trial.absent.insert(lower);
    if (Fails(trial, kind)) plan = trial;
  }
  return plan;
}

void Campaign::Report(const RunPlan& plan, const RunResult& result) {
  RunPlan small = plan;
  small.fixed = result.steps;
  diff::Difference found = *result.difference;
  if (options_.shrink) {
    fprintf(stderr, "shrinking %zu steps\n", result.steps.size());
    small = Shrunk(plan, result);
    const RunResult again = Perform(small, &masks_, &table_);
    if (again.difference) found = *again.difference;
    fprintf(stderr, "shrunk to %zu steps: %s\n", small.fixed->size(), FirstLine(found.text).c_str());
  }
  const std::string script = FormatScript(small, found);
  fputs(script.c_str(), stdout);
  fflush(stdout);
  if (*stop_ == 0) CheckScript(script, {options_.against, options_.subject, dir_}, stop_);
}

bool Campaign::One(uint64_t seed) {
  const RunPlan plan = PlanOf(seed);
  const unsigned long long number = seed;
  timespec begin = {}, end = {};
  clock_gettime(CLOCK_MONOTONIC, &begin);
  const RunResult result = Perform(plan, &masks_, &table_);
  clock_gettime(CLOCK_MONOTONIC, &end);
  ++runs_;
  const double took =
      static_cast<double>(end.tv_sec - begin.tv_sec) + static_cast<double>(end.tv_nsec - begin.tv_nsec) / 1e9;
  fprintf(stderr, "seed %llu%s: %zu steps, %.1f s: %s\n", number, WayOf(plan).c_str(), result.steps.size(),
          took, result.difference ? FirstLine(result.difference->text).c_str() : "no difference");
  if (!result.difference) return Threads(plan) && Hands(plan);
  const std::string& kind = result.difference->kind;
  impossible_ = kind == "harness" || (kind == "mount" && result.steps.empty());
  if (impossible_) return false;
  ++kinds_[kind];
  if (options_.survey) return true;
  fprintf(stderr, "kind: %s\n", kind.c_str());
  Report(plan, result);
  return false;
}

bool Campaign::Tell(const RunPlan& plan, const std::string& what,
                    const std::optional<diff::Difference>& found) {
  fprintf(stderr, "seed %llu%s: %s: %s\n", static_cast<unsigned long long>(plan.world.seed),
          WayOf(plan).c_str(), what.c_str(), found ? FirstLine(found->text).c_str() : "no difference");
  if (!found) return true;
  ++kinds_[found->kind];
  if (!options_.survey) fprintf(stderr, "kind: %s\n", found->kind.c_str());
  return options_.survey;
}

void Campaign::NoScript(const RunPlan& plan) {
  fprintf(stderr, "no script: it would have to change layers by hand; again: --seed %llu --seeds 1\n",
          static_cast<unsigned long long>(plan.world.seed));
}

bool Campaign::Threads(const RunPlan& plan) {
  if (options_.threads == 0 && !options_.changed_lowers) return true;
  const ThreadsPlan threads{plan, std::max(options_.threads, 1), options_.changed_lowers, {}};
  const std::string changed = options_.changed_lowers ? ", changed lowers" : "";
  const ThreadsResult result = PerformThreads(threads, &masks_);
  if (Tell(plan, std::to_string(threads.threads) + " threads" + changed, result.difference)) return true;
  if (options_.changed_lowers) return NoScript(plan), false;
  ThreadsPlan small = threads;
  small.fixed = result.steps;
  if (options_.shrink) small = ShrinkThreads(threads, result, &masks_, stop_);
  size_t left = 0;
  for (const std::vector<Step>& steps : *small.fixed) left += steps.size();
  fprintf(stderr, "shrunk to %zu steps of %zu clients\n", left, small.fixed->size());
  const std::string script = FormatThreadsScript(small.run, *small.fixed, *result.difference);
  fputs(script.c_str(), stdout);
  fflush(stdout);
  if (*stop_ == 0) CheckScript(script, {options_.against, options_.subject, dir_}, stop_);
  return false;
}

// Only plyfs promises to see what is changed beneath it (U2).
bool Campaign::Hands(const RunPlan& plan) {
  if (!options_.changed_lowers || plan.against.foreign || plan.against.IsKernel() || !plan.options.empty())
    return true;
  if (plan.world.hostile || plan.world.userxattr) return true;
  diff::HandsPlan hands;
  hands.run = plan;
  hands.run.against.options = "";  // among them may be that lowers do not change
  hands.rounds = 3;
  hands.patience_ms = 5000;
  const diff::HandsResult result = PerformHands(hands, &masks_, &table_);
  if (result.difference && !options_.survey) fputs(result.text.c_str(), stderr);
  if (Tell(plan, "layers changed beneath it", result.difference)) return true;
  NoScript(plan);
  return false;
}

int Campaign::Survey() const {
  for (const auto& [kind, n] : kinds_) fprintf(stderr, "%6d runs  %s\n", n, kind.c_str());
  return kinds_.empty() ? 0 : 2;
}

int Campaign::Go() {
  for (uint64_t i = 0; i < options_.seeds && *stop_ == 0; ++i) {
    if (!One(options_.seed + i)) break;
    const bool late =
        options_.seconds != 0 && static_cast<uint64_t>(time(nullptr) - begin_) >= options_.seconds;
    if (late) break;
  }
  if (impossible_) return 1;
  fprintf(stderr, "%llu runs: %s\n", static_cast<unsigned long long>(runs_),
          kinds_.empty() ? "no difference" : "different");
  return Survey();
}

}  // namespace plyfs::fuzz
