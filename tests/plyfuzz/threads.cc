#include "tests/plyfuzz/threads.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "tests/differential/executor.h"
#include "tests/differential/generator.h"
#include "tests/differential/hand_act.h"
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

void Client(const std::string& mount, const Snapshot& tree, uint64_t seed, size_t steps, bool userxattr) {
  diff::Executor executor(mount);
  diff::Generator generator(seed, tree, userxattr);
  for (size_t i = 0; i < steps; ++i) {
    Step step = generator.Next();
    generator.Observe(step, ForThreads(&step) ? executor.Run(step).error : ECANCELED);
  }
}

// Of who need not list the numbers that stat tells (D10).
void ForgetListedNumbers(Snapshot* tree) {
  for (auto& [path, node] : *tree) node.d_ino = 0;
}

class ThreadsRun {
 public:
  ThreadsRun(const diff::RunPlan& plan, diff::Dirs dirs, diff::Masks* masks)
      : plan_(plan), dirs_(std::move(dirs)), masks_(masks) {}

  Maybe Go(int threads, bool changed_lowers) {
    constexpr uint64_t kRounds = 3;
    diff::Dice dice(plan_.world.seed * 3 + 1);
    for (uint64_t round = 0; round < (changed_lowers ? kRounds : 1); ++round) {
      if (changed_lowers) ChangeLowers(&dice);
      if (auto d = Round(threads, plan_.world.seed * 1000 + round * 100)) return d;
    }
    return std::nullopt;
  }

 private:
  static bool IsPlyfs(const Against& side) { return !side.foreign && !side.IsKernel(); }

  // Nobody has them mounted.
  void ChangeLowers(diff::Dice* dice) const {
    for (const diff::HandAct& act : DrawRound(dice, MakeWorld(plan_.world))) {
      const bool by_client = act.kind == diff::HandKind::kLook || act.kind == diff::HandKind::kStep;
      if (!by_client && act.layer != diff::kUpperLayer) PerformAct(act, dirs_);
    }
  }

  Maybe Round(int threads, uint64_t seed) const {
    std::string error;
    auto live = Mount(plan_.against, true, &error);
    if (live == nullptr) return diff::Difference{"mount", "mount: " + error};
    const Snapshot before = diff::TakeSnapshot(dirs_.mount);
    std::vector<std::thread> clients;
    for (int i = 0; i < threads; ++i) {
      clients.emplace_back(Client, dirs_.mount, before, seed + static_cast<uint64_t>(i), plan_.steps,
                           plan_.world.userxattr);
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

  const diff::RunPlan& plan_;
  const diff::Dirs dirs_;
  diff::Masks* const masks_;
};

}  // namespace

Maybe PerformThreads(const ThreadsPlan& asked, diff::Masks* masks) {
  const diff::RunPlan& plan = asked.run;
  const std::string base = plan.dir + "/threads";
  diff::Dirs dirs;
  test::RemoveTree(base);
  if (mkdir(base.c_str(), 0755) < 0 || !diff::MakeDirs(base, plan.world.lowers, &dirs))
    return diff::Difference{"harness", base + ": " + strerror(errno)};
  const std::string error = WriteWorld(MakeWorld(plan.world), plan.dropped, dirs);
  if (!error.empty()) return diff::Difference{"harness", error};
  Maybe found = ThreadsRun(plan, dirs, masks).Go(asked.threads, asked.changed_lowers);
  test::RemoveTree(base);
  if (found && plan.ignored.contains(found->kind)) return std::nullopt;
  return found;
}

}  // namespace plyfs::fuzz
