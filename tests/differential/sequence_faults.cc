// Sequence, the faults: the program killed and the disk full while a step is performed.
//
// The program goes first.  If its answer is the fault's (it died, there was no room) and its tree is as it
// was, the step was not done: it is done again, and must come out as the reference's does.  Else it was done,
// and the tree must be the reference's after the step.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "tests/differential/sequence.h"
#include "tests/differential/tree_lines.h"

namespace plyfs::diff {
namespace {

using Maybe = std::optional<Difference>;

// Takes all the room there is in the filesystem of a directory, until its end.
class FullDisk {
 public:
  explicit FullDisk(const std::string& dir)
      : path_(dir + "/full"), fd_(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    off_t at = 0;
    for (off_t piece = off_t{1} << 30; piece >= 1024;) {
      if (fd_ >= 0 && fallocate(fd_, 0, at, piece) == 0) {
        at += piece;
      } else {
        piece /= 2;
      }
    }
  }
  ~FullDisk() {
    if (fd_ >= 0) close(fd_);
    unlink(path_.c_str());
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  const std::string path_;
  const int fd_;
};

// The answer of a step that the fault has kept from being done, or from being answered.
bool IsOfFault(int error, const Step& fault) {
  if (fault.b == kFullDisk) return error == ENOSPC || error == EDQUOT;
  return error == ENOTCONN || error == ECONNABORTED || error == EIO;
}

// Without what half a copy-up may change: it is no change of the file's (C4), but has a ctime of its own, and
// takes the file out of its links.
TreeLines LinesOfWhole(Snapshot tree) {
  for (auto& [path, node] : tree) {
    node.sight.stx.stx_nlink = 0;
    node.sight.stx.stx_ctime = {};
    node.d_ino = 0;
  }
  return LinesOf(tree);
}

// What was looked at before and after says what moved: in this step, or in the attempt before it.
void ForgetWatched(Outcome* outcome) {
  outcome->before.clear();
  outcome->after.clear();
}

Maybe Under(const Step& fault, Maybe difference) {
  if (!difference) return difference;
  const char* what = fault.b == kFullDisk ? "disk full" : "killed";
  return Difference{std::string(what) + ", " + difference->kind, std::string(what) + ", " + difference->text};
}

}  // namespace

bool IsWhole(const Step& step) {
  if (step.op >= Op::kExec || UsesSlot(step.op) || step.op == Op::kTruncate) return false;
  return step.op != Op::kTmpfile && (step.op != Op::kOpen || (step.a & O_TRUNC) == 0);
}

Outcome Sequence::RunKilled(const Step& step, int64_t after_us) {
  // While there is somebody to say which ones have no name.
  for (int slot = 0; slot < kSlots; ++slot) ForgetTemporary(slot);
  const pid_t daemon = mounter_.daemon();
  int start[2] = {-1, -1};
  if (pipe2(start, O_CLOEXEC) < 0) return {};
  // Of another process: our effective ids are the step's while it is performed.
  const pid_t killer = fork();
  if (killer == 0) {
    close(start[1]);
    char go = 0;
    const bool told = read(start[0], &go, 1) == 1;
    if (told) usleep(static_cast<useconds_t>(after_us));
    kill(-daemon, SIGKILL);  // with what it has started
    kill(daemon, SIGKILL);
    _exit(0);
  }
  usleep(1000);                                   // a step takes less time than a process's start
  const bool told = write(start[1], "", 1) == 1;  // else it ends with our end of the pipe
  (void)told;
  Outcome outcome = ply_.Run(step);
  close(start[0]);
  close(start[1]);
  waitpid(killer, nullptr, 0);
  return outcome;
}

Outcome Sequence::RunFull(const Step& step) {
  const FullDisk full(plan_.dir);
  return ply_.Run(step);
}

// Both, so that nothing is asked of one that knows more than the other.
Maybe Sequence::MountAfterKill() {
  CloseAll();
  mounter_.Unmount();                                    // says how the program ended, which we know
  while (::waitpid(-1, nullptr, WNOHANG) > 0) continue;  // what a killed wrapper has left to us
  comparer_.SetReadonly(false);
  if (auto d = Mount()) return Difference{"mount", "mount after a kill: " + d->text};
  return std::nullopt;
}

Maybe Sequence::KillBetween(const Step& step, int* error) {
  if (auto d = DoStep(step, error)) return d;
  if (mounter_.daemon() == 0) return std::nullopt;
  Step nothing;
  nothing.op = Op::kStatfs;
  RunKilled(nothing, 1);
  if (auto d = MountAfterKill()) return d;
  return CheckTrees("mounted again");
}

Maybe Sequence::Judge(const Step& step, const Step& fault, const Snapshot& before, Outcome ply, int* error) {
  const bool kept_from = IsOfFault(ply.error, fault);
  const bool untouched = LinesOfWhole(TakeSnapshot(ply_.mount())) == LinesOfWhole(before);
  if (kept_from && untouched) ply = ply_.Run(step);
  Outcome kernel = kernel_.Run(step);
  *error = kernel.error;
  if (!kept_from || untouched) {
    ForgetWatched(&kernel);
    ForgetWatched(&ply);
    bool part = false;
    if (auto d = comparer_.CompareOutcomes(step, kernel, ply, &part)) return d;
  }
  CloseAll();
  return CheckTrees(kept_from && !untouched ? "neither before nor after" : "after it");
}

Maybe Sequence::DoFaulted(const Step& step, const Step& fault, int* error) {
  const bool kills = fault.b != kFullDisk;
  // What is mounted after a kill is writable again, so it is no place to do once more what was refused.
  const bool between = !IsWhole(step) || read_only_;
  if (step.op >= Op::kRemount || (between && !kills)) return DoStep(step, error);
  if (between) return Under(fault, KillBetween(step, error));
  *error = ECANCELED;
  alarm(kHangSeconds);
  if (LeaveOut(step)) return std::nullopt;
  PinWhatMayGo(step);
  const Snapshot kernel = TakeSnapshot(kernel_.mount()), before = TakeSnapshot(ply_.mount());
  if (auto d = comparer_.CompareTrees(kernel, before, "before a fault")) return d;
  if (kills && mounter_.daemon() == 0) return DoStep(step, error);
  Outcome ply = kills ? RunKilled(step, fault.b) : RunFull(step);
  if (kills) {
    if (auto d = MountAfterKill()) return Under(fault, d);
  }
  return Under(fault, Judge(step, fault, before, std::move(ply), error));
}

}  // namespace plyfs::diff
