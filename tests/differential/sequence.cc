#include "tests/differential/sequence.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "tests/differential/dice.h"
#include "tests/differential/generator.h"

namespace plyfs::diff {

volatile pid_t g_watched_daemon = 0;

namespace {

using Maybe = std::optional<Difference>;

// Multigrain timestamps (kernel 6.13) make every change after a stat visible, on filesystems that take part.
bool HasFineTimes(const std::string& dir) {
  const auto times = [&dir] {
    struct stat st = {};
    stat(dir.c_str(), &st);
    return std::pair(st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
                     st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec);
  };
  const std::string probe = dir + "/probe";
  for (int i = 0; i < 10; ++i) {
    const auto before = times();
    if (mkdir(probe.c_str(), 0700) < 0) return false;
    const auto between = times();
    if (rmdir(probe.c_str()) < 0) return false;
    const auto after = times();
    if (before.first == between.first || between.first == after.first || between.second == after.second)
      return false;
  }
  return true;
}

constexpr int64_t kKilledWithinUs = 400;

// A remount that a fault goes before (step.h), if this one has one.
bool IsFault(const Step& step) {
  return step.op == Op::kRemount && step.b != 0;
}

Step DrawFault(Dice* dice, bool can_be_killed) {
  Step fault;
  fault.op = Op::kRemount;
  fault.a = dice->Chance(30);
  fault.b = can_be_killed && dice->Chance(60)
                ? 1 + static_cast<int64_t>(dice->Below(1 + dice->Below(kKilledWithinUs)))
                : kFullDisk;
  return fault;
}

}  // namespace

Sequence::Sequence(const RunPlan& plan, Dirs first, Dirs second, std::string log_path, Masks* masks,
                   Table* table)
    : plan_(plan),
      masks_(masks),
      table_(table),
      start_(time(nullptr) - 1),
      mounter_(std::move(first), std::move(second), {plan.redirect, plan.world.userxattr, plan.options},
               plan.reference, plan.against, std::move(log_path)),
      comparer_(masks, start_),
      uppers_(mounter_.first(), mounter_.second(), plan.world.userxattr, start_),
      kernel_(mounter_.KernelDirs().mount),
      ply_(mounter_.PlyDirs().mount) {
  const bool fine_times = HasFineTimes(plan.dir);
  if (!fine_times) masks_->TimesTooCoarse();
  comparer_.SetFineTimes(fine_times);
  comparer_.SetUserxattr(plan.world.userxattr);
  comparer_.SetRefusals(plan.world.hostile || plan.world.userxattr);
  comparer_.SetMasksAllowed(!plan.against.IsKernel());
  comparer_.SetIgnored(plan.ignored);
  comparer_.SetNames(NameOf(plan.reference), NameOf(plan.against));
  comparer_.SetForeign(plan.against.foreign);
  for (const Entry& entry : MakeWorld(plan.world).entries) {
    for (const auto& [name, value] : entry.xattrs) xwhiteouts_ |= name == "trusted.overlay.whiteout";
  }
}

Sequence::~Sequence() {
  alarm(0);
  CloseAll();
  mounter_.Unmount();
  g_watched_daemon = 0;
}

Maybe Sequence::Mount() {
  const std::string error = mounter_.Mount();
  read_only_ = false;
  g_watched_daemon = mounter_.daemon();
  if (!error.empty()) return Difference{"mount", "mount: " + error};
  kernel_.SetMount(mounter_.KernelDirs().mount);
  ply_.SetMount(mounter_.PlyDirs().mount);
  comparer_.SetCrossed(mounter_.crossed());
  return std::nullopt;
}

Maybe Sequence::Unmount() {
  CloseAll();
  const std::string error = mounter_.Unmount();
  g_watched_daemon = 0;
  if (!error.empty()) return Difference{"unmount", "unmount: " + error};
  return std::nullopt;
}

void Sequence::CloseAll() {
  for (int slot = 0; slot < kSlots; ++slot) ForgetTemporary(slot);
  kernel_.CloseAll();
  ply_.CloseAll();
}

// An inode that never had a name ends with its descriptor, and its number may come again.
void Sequence::ForgetTemporary(int slot) {
  if (!kernel_.SlotOpen(slot) || !ply_.SlotOpen(slot)) return;
  const Sight kernel = kernel_.LookSlot(slot), ply = ply_.LookSlot(slot);
  if (kernel.error != 0 || ply.error != 0 || kernel.stx.stx_nlink != 0) return;
  if (mounter_.crossed()) {
    comparer_.inodes().Forget(ply.stx.stx_ino, kernel.stx.stx_ino);
  } else {
    comparer_.inodes().Forget(kernel.stx.stx_ino, ply.stx.stx_ino);
  }
}

// Whatever the step saw first, a dead program is the news.
void Sequence::NameDeath(Difference* difference) const {
  siginfo_t info = {};
  const pid_t daemon = mounter_.daemon();
  if (daemon == 0 || waitid(P_PID, static_cast<id_t>(daemon), &info, WEXITED | WNOHANG | WNOWAIT) < 0) return;
  if (info.si_pid == 0) return;
  difference->kind = "program died";
  difference->text = "the program died (" + std::string(info.si_code == CLD_EXITED ? "exit " : "signal ") +
                     std::to_string(info.si_status) + ") at " + difference->text;
}

Maybe Sequence::CheckTrees(const std::string& when) {
  return comparer_.CompareTrees(TakeSnapshot(kernel_.mount()), TakeSnapshot(ply_.mount()), when);
}

bool Sequence::HeldOpen(const Sight& object) {
  for (int slot = 0; slot < kSlots; ++slot) {
    if (!kernel_.SlotOpen(slot)) continue;
    const Sight held = kernel_.LookSlot(slot);
    if (held.error == 0 && held.stx.stx_ino == object.stx.stx_ino) return true;
  }
  return false;
}

// Steps after which the kernel's slip D9 would make the trees differ for good.  Hidden xattr whiteouts keep
// the kernel's rmdir from removing what it lists as empty (X5); which directories hold some is not seen from
// above.
bool Sequence::LeaveOut(const Step& step) {
  if ((step.op == Op::kChown || step.op == Op::kFchown) && step.a == -1 && step.b == -1) {
    const Sight sight = step.op == Op::kChown ? kernel_.Look(step.path) : kernel_.LookSlot(step.slot);
    if (sight.error != 0 || (sight.stx.stx_mode & 06000) == 0) return false;
    if (step.user == 0 && !HeldOpen(sight)) return false;
    masks_->ChownToNobodySkipped();
    return true;
  }
  constexpr int64_t kBeyondAnyFile = int64_t{1} << 50;
  if ((step.op == Op::kWrite || step.op == Op::kFallocate) && step.user != 0 && step.a >= kBeyondAnyFile) {
    masks_->WriteBeyondTheEndSkipped();
    return true;
  }
  // The kernel clears the bit without moving the ctime where no ACL is there (A9).
  if (step.op == Op::kRemoveAcl && step.c == 0 && step.user != 0) {
    const Sight sight = kernel_.Look(step.path);
    if (sight.error != 0 || (sight.stx.stx_mode & 02000) == 0) return false;
    masks_->SetGidWithoutAclSkipped();
    return true;
  }
  if (step.op == Op::kCopyRange && step.user != 0 && step.b >= kBeyondAnyFile &&
      kernel_.SlotOpen(step.slot2)) {
    const Sight sight = kernel_.LookSlot(step.slot2);
    if (sight.error != 0 || (sight.stx.stx_mode & 06000) == 0) return false;
    masks_->CopyBeyondTheEndSkipped();
    return true;
  }
  if (ChangesMetadataOfSlot(step.op) && kernel_.SlotOpen(step.slot)) {
    const Sight sight = kernel_.LookSlot(step.slot);
    if (!sight.deleted || S_ISREG(sight.stx.stx_mode)) return false;
    masks_->UnlinkedSpecialSkipped();
    return true;
  }
  if (step.op != Op::kRmdir && step.op != Op::kRename) return false;
  bool ghosts = false;
  for (const std::string& path : {step.path, step.path2}) {
    if (path.empty() || !kernel_.IsDir(path)) continue;
    ghosts |= kernel_.HasGhosts(path) || (xwhiteouts_ && kernel_.IsEmptyMerge(path));
    // A listing has effects of its own (D11), so the other side gets it too.
    ply_.HasGhosts(path);
  }
  if (ghosts) masks_->GhostDirectorySkipped();
  return ghosts;
}

void Sequence::PinWhatMayGo(const Step& step) {
  if (step.op != Op::kUnlink && step.op != Op::kRmdir && step.op != Op::kRename) return;
  for (const std::string& path : {step.path, step.path2}) {
    const std::string real = kernel_.WithoutSymlinks(path);
    pins_.Hold(mounter_.first().upper, real);
    pins_.Hold(mounter_.second().upper, real);
  }
}

Maybe Sequence::Remount(const Step& step) {
  if (auto d = Unmount()) return d;
  comparer_.SetReadonly(false);
  if (step.a != 0 && plan_.cross) mounter_.Cross();
  return Mount();
}

void Sequence::CountStep(const Step& step, const Outcome& kernel) {
  if (kernel.no_slot) return;
  table_->Count(Label(step), kernel.error);
  const bool unlinked = UsesSlot(step.op) && step.op != Op::kLinkat && !kernel.after.empty() &&
                        kernel.after[0].error == 0 && kernel.after[0].stx.stx_nlink == 0;
  if (unlinked) table_->Count(kUnlinkedLabel, kernel.error);
}

Maybe Sequence::SetReadonly(const Step& step, int* error) {
  // What is open for writing, and on one side only what is open and unlinked (S10), would keep it from being
  // made so.
  CloseAll();
  const auto [kernel, ply] = mounter_.Remount(step.a != 0);
  if (ply == 0) comparer_.SetReadonly(step.a != 0);
  if (ply == 0) read_only_ = step.a != 0;
  *error = kernel;
  table_->Count(Label(step), kernel);
  if (kernel == ply) return std::nullopt;
  const std::string text =
      NameOf(plan_.reference) + " " + strerror(kernel) + ", " + NameOf(plan_.against) + " " + strerror(ply);
  return Difference{"errno of " + Label(step), text};
}

Maybe Sequence::DoStepOfTheRun(const Step& step, int* error) {
  if (step.op == Op::kReadonly) return SetReadonly(step, error);
  Maybe d = step.op == Op::kCheck ? CheckTrees("whole tree") : Remount(step);
  *error = d ? EIO : 0;
  if (!d) table_->Count(Label(step), 0);
  return d;
}

Maybe Sequence::DoStep(const Step& step, int* error) {
  *error = ECANCELED;
  alarm(kHangSeconds);
  if (step.op >= Op::kRemount) return DoStepOfTheRun(step, error);
  if (LeaveOut(step)) return std::nullopt;
  PinWhatMayGo(step);
  const bool ends_slot = step.op == Op::kClose || step.op == Op::kOpen || step.op == Op::kTmpfile;
  if (ends_slot) ForgetTemporary(step.slot);
  const Outcome kernel = kernel_.Run(step);
  const Outcome ply = ply_.Run(step);
  *error = kernel.error;
  if (kernel.error == ply.error) CountStep(step, kernel);
  bool part = false;
  if (auto d = comparer_.CompareOutcomes(step, kernel, ply, &part)) return d;
  // What only one side has open would make steps to come differ.
  if (part || (ends_slot && kernel.error != ply.error)) {
    kernel_.CloseSlot(step.slot);
    ply_.CloseSlot(step.slot);
  }
  return std::nullopt;
}

Maybe Sequence::DoSteps(RunResult* result) {
  std::optional<Generator> generator;
  if (!plan_.fixed) generator.emplace(plan_.world.seed, TakeSnapshot(kernel_.mount()), plan_.world.userxattr);
  Dice dice(plan_.world.seed * 5 + 2);
  std::optional<Step> fault;
  const size_t count = plan_.fixed ? plan_.fixed->size() : plan_.steps;
  for (size_t i = 0; i < count; ++i) {
    const bool of_generator = !plan_.fixed && !fault;
    const Step step = plan_.fixed ? (*plan_.fixed)[i] : fault ? *fault : generator->Next();
    fault.reset();
    if (plan_.fixed && i + 1 < count && IsFault((*plan_.fixed)[i + 1])) fault = (*plan_.fixed)[i + 1];
    if (of_generator && plan_.faults && dice.Chance(12)) fault = DrawFault(&dice, mounter_.daemon() != 0);
    result->steps.push_back(step);
    int error = 0;
    if (auto d = fault ? DoFaulted(step, *fault, &error) : DoStep(step, &error)) {
      if (fault) result->steps.push_back(*fault);
      d->text = "step " + std::to_string(i + 1) + ", " + FormatStep(step) + ": " + d->text;
      return d;
    }
    if (of_generator) generator->Observe(step, error);
  }
  return std::nullopt;
}

// The uppers, and then each mounted by the other: four trees of one meaning (Z1, Z2).
Maybe Sequence::CheckEnd() {
  alarm(kHangSeconds);
  const Snapshot kernel = TakeSnapshot(kernel_.mount()), ply = TakeSnapshot(ply_.mount());
  if (auto d = comparer_.CompareTrees(kernel, ply, "at the end")) return d;
  if (auto d = Unmount()) return d;
  if (!plan_.cross) return std::nullopt;
  alarm(kHangSeconds);
  std::set<std::string> refused;
  for (const auto& [path, node] : ply) {
    if (node.sight.error != 0) refused.insert(path);
  }
  if (auto d = uppers_.Compare(refused); d && !plan_.ignored.contains(d->kind)) return d;
  mounter_.Cross();
  if (auto d = Mount()) return d;
  alarm(kHangSeconds);
  const Snapshot kernel2 = TakeSnapshot(kernel_.mount()), ply2 = TakeSnapshot(ply_.mount());
  if (auto d = comparer_.CompareSameLayers(kernel, ply2, "layers the kernel wrote, mounted by plyfs", true))
    return d;
  if (auto d = comparer_.CompareSameLayers(kernel2, ply, "layers plyfs wrote, mounted by the kernel", false))
    return d;
  if (auto d = comparer_.CompareTrees(kernel2, ply2, "cross-mounted")) return d;
  return Unmount();
}

RunResult Sequence::Go() {
  RunResult result;
  alarm(kHangSeconds);
  result.difference = Mount();
  if (!result.difference) result.difference = CheckTrees("at the start");
  if (!result.difference) result.difference = DoSteps(&result);
  if (!result.difference) result.difference = CheckEnd();
  if (result.difference) NameDeath(&*result.difference);
  return result;
}

}  // namespace plyfs::diff
