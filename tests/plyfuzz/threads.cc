#include "tests/plyfuzz/threads.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "tests/differential/executor.h"
#include "tests/differential/generator.h"
#include "tests/differential/hand_act.h"
#include "tests/differential/shrink.h"
#include "tests/differential/tree_lines.h"
#include "tests/mount/files.h"

namespace plyfs::fuzz {
namespace {

using diff::Against;
using diff::Op;
using diff::Snapshot;
using diff::Step;
using Maybe = std::optional<diff::Difference>;

// Not what changes the whole process (ids, umask, signal handlers) or the mount.
bool ForThreads(Step* step) {
  const bool mapped = step->op == Op::kMmapRead || step->op == Op::kMmapWrite;
  if (step->op >= Op::kExec || mapped) return false;
  step->user = 0;
  if (step->op == Op::kCreate || step->op == Op::kMkdir || step->op == Op::kMknod) step->b = 0;
  return true;
}

// Draws what it does next from what has come of it, and keeps it.
void Client(const std::string& mount, const Snapshot& tree, uint64_t seed, const diff::RunPlan& plan,
            std::vector<Step>* taken) {
  diff::Executor executor(mount);
  diff::Generator generator(seed, tree, plan.world.userxattr);
  for (size_t i = 0; i < plan.steps; ++i) {
    Step step = generator.Next();
    const bool fits = ForThreads(&step);
    if (fits) taken->push_back(step);
    generator.Observe(step, fits ? executor.Run(step).error : ECANCELED);
  }
}

void Repeat(const std::string& mount, const std::vector<Step>& steps) {
  diff::Executor executor(mount);
  for (const Step& step : steps) executor.Run(step);
}

// Of who need not list the numbers that stat tells (D10).
void ForgetListedNumbers(Snapshot* tree) {
  for (auto& [path, node] : *tree) node.d_ino = 0;
}

class ThreadsRun {
 public:
  ThreadsRun(const ThreadsPlan& threads, diff::Dirs dirs, diff::Masks* masks)
      : threads_(threads), plan_(threads.run), dirs_(std::move(dirs)), masks_(masks) {}

  Maybe Go() {
    const bool changed_lowers = threads_.changed_lowers;
    constexpr uint64_t kRounds = 3;
    diff::Dice dice(plan_.world.seed * 3 + 1);
    for (uint64_t round = 0; round < (changed_lowers ? kRounds : 1); ++round) {
      if (changed_lowers) ChangeLowers(&dice);
      if (auto d = Round(plan_.world.seed * 1000 + round * 100)) return d;
    }
    return std::nullopt;
  }
  const ClientSteps& steps() const { return steps_; }

 private:
  static bool IsPlyfs(const Against& side) { return !side.foreign && !side.IsKernel(); }

  // Nobody has them mounted.
  void ChangeLowers(diff::Dice* dice) const {
    for (const diff::HandAct& act : DrawRound(dice, MakeWorld(plan_.world))) {
      const bool by_client = act.kind == diff::HandKind::kLook || act.kind == diff::HandKind::kStep;
      if (!by_client && act.layer != diff::kUpperLayer) PerformAct(act, dirs_);
    }
  }

  Maybe Round(uint64_t seed) {
    std::string error;
    auto live = Mount(plan_.against, true, &error);
    if (live == nullptr) return diff::Difference{"mount", "mount: " + error};
    const Snapshot before = diff::TakeSnapshot(dirs_.mount);
    std::vector<std::thread> clients;
    const size_t count = threads_.fixed ? threads_.fixed->size() : static_cast<size_t>(threads_.threads);
    steps_.assign(count, {});
    for (size_t i = 0; i < count; ++i) {
      if (threads_.fixed) {
        steps_[i] = (*threads_.fixed)[i];
        clients.emplace_back(Repeat, dirs_.mount, std::cref(steps_[i]));
      } else {
        clients.emplace_back(Client, dirs_.mount, before, seed + i, std::cref(plan_), &steps_[i]);
      }
    }
    for (std::thread& client : clients) client.join();
    // Looking may write records (L24), which fresh mounts then find.
    diff::TakeSnapshot(dirs_.mount);
    Snapshot after = diff::TakeSnapshot(dirs_.mount);
    if (!IsPlyfs(plan_.against)) ForgetListedNumbers(&after);
    if (!live->Unmount(&error)) return diff::Difference{"unmount", "unmount: " + error};
    return CompareWithFresh(after);
  }

  std::unique_ptr<test::LiveMount> Mount(const Against& side, bool writable, std::string* error) const {
    test::MountPlan mount{dirs_.lowers, dirs_.upper, dirs_.work, "", dirs_.mount, "", side.foreign};
    if (!writable) {
      mount.lowers.insert(mount.lowers.begin(), dirs_.upper);
      mount.upper = mount.work = "";
    }
    const bool redirect = plan_.redirect && writable, userxattr = plan_.world.userxattr;
    // Options of who writes are not for who only reads.
    const std::string more = writable ? plan_.options : "";
    mount.options = side.IsKernel() ? diff::KernelMountOptions(redirect, userxattr, more)
                                    : diff::ProgramMountOptions(side, redirect, userxattr, more);
    return side.IsKernel() ? test::LiveMount::Kernel(mount, error)
                           : test::LiveMount::Program(side.program, mount, dirs_.base + "/log", error);
  }

  Maybe See(const Against& side, bool writable, Snapshot* tree) const {
    std::string error;
    auto mount = Mount(side, writable, &error);
    if (mount == nullptr) return diff::Difference{"mount", "fresh mount: " + error};
    *tree = diff::TakeSnapshot(dirs_.mount);
    if (!IsPlyfs(side)) ForgetListedNumbers(tree);
    if (!mount->Unmount(&error)) return diff::Difference{"unmount", "unmount: " + error};
    return std::nullopt;
  }

  Maybe CompareWithFresh(const Snapshot& live) const {
    Snapshot fresh, reference;
    if (auto d = See(plan_.against, true, &fresh)) return d;
    if (auto d = diff::CompareLines(LinesOf(live), LinesOf(fresh), {"threads, fresh mount", "live", "fresh"}))
      return d;
    if (!plan_.cross) return std::nullopt;
    if (auto d = See(plan_.reference, false, &reference)) return d;
    const diff::TreeNames names = {"threads, " + NameOf(plan_.reference), NameOf(plan_.against),
                                   NameOf(plan_.reference)};
    if (!plan_.reference.IsKernel() || plan_.against.IsKernel())
      return diff::CompareLines(LinesOf(fresh), LinesOf(reference), names);
    return diff::CompareWithKernel(fresh, reference, names, masks_);
  }

  const ThreadsPlan& threads_;
  const diff::RunPlan& plan_;
  const diff::Dirs dirs_;
  diff::Masks* const masks_;
  ClientSteps steps_;
};

}  // namespace

ThreadsResult PerformThreads(const ThreadsPlan& asked, diff::Masks* masks) {
  const diff::RunPlan& plan = asked.run;
  const std::string base = plan.dir + "/threads";
  diff::Dirs dirs;
  test::RemoveTree(base);
  if (mkdir(base.c_str(), 0755) < 0 || !diff::MakeDirs(base, plan.world.lowers, &dirs))
    return {diff::Difference{"harness", base + ": " + strerror(errno)}, {}};
  const std::string error = WriteWorld(MakeWorld(plan.world), plan.dropped, dirs);
  if (!error.empty()) return {diff::Difference{"harness", error}, {}};
  ThreadsRun run(asked, dirs, masks);
  Maybe found = run.Go();
  test::RemoveTree(base);
  if (found && plan.ignored.contains(found->kind)) found.reset();
  return {found, run.steps()};
}

ThreadsPlan ShrinkThreads(const ThreadsPlan& plan, const ThreadsResult& result, diff::Masks* masks,
                          const volatile sig_atomic_t* stop) {
  constexpr size_t kTrials = 80;
  constexpr int kTries = 3;
  const std::string kind = result.difference->kind;
  const auto dealt = [&](const std::vector<std::pair<size_t, Step>>& all) {
    ThreadsPlan trial = plan;
    trial.fixed.emplace(result.steps.size());
    for (const auto& [client, step] : all) (*trial.fixed)[client].push_back(step);
    std::erase_if(*trial.fixed, [](const std::vector<Step>& steps) { return steps.empty(); });
    return trial;
  };
  std::vector<std::pair<size_t, Step>> all;
  for (size_t client = 0; client < result.steps.size(); ++client) {
    for (const Step& step : result.steps[client]) all.emplace_back(client, step);
  }
  const std::function<bool(const std::vector<std::pair<size_t, Step>>&)> fails = [&](const auto& few) {
    const ThreadsPlan trial = dealt(few);
    for (int i = 0; i < kTries && *stop == 0; ++i) {
      const ThreadsResult got = PerformThreads(trial, masks);
      if (got.difference && got.difference->kind == kind) return true;
    }
    return false;
  };
  return dealt(diff::Shrink<std::pair<size_t, Step>>(all, kTrials, fails));
}

}  // namespace plyfs::fuzz
