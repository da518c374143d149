// SignalThread: what the signals of a mount do.
//
// TERM, INT and HUP unmount.  If the mount is busy it is detached and served until its last user is gone, a
// second signal comes or 30 seconds have passed (drop-in contract 2.6): a write to an open file that the
// kernel has acknowledged must not be lost.  USR1 logs the requests in flight. One a process, for ever: the
// thread ends with it.  Block() comes before the first thread, the rest is called by main's thread.
#ifndef PLYFS_TOOLS_PLYFS_SIGNALS_H_
#define PLYFS_TOOLS_PLYFS_SIGNALS_H_

#include <chrono>
#include <optional>

#include "engine/base/mutex.h"
#include "fuse/mount.h"
#include "fuse/session.h"
#include "tools/plyfs/keeper.h"

namespace plyfs::tool {

class SignalThread {
 public:
  // Ignores SIGPIPE and blocks the signals above in this thread and all that it starts.
  static void Block();

  // From now on TERM, INT and HUP end the process at once, with `failure`.
  explicit SignalThread(int failure);

  // From now on they wait: something may be half mounted.
  void Mounting();
  // From now on they unmount.  `keeper` null: not mounted by us but handed over as /dev/fd/N.
  void Serving(fuse::Mount* mount, fuse::Session* session, const Keeper* keeper);
  // Once it serves: detaches the mount, for nobody is left who wanted it; ends without where that cannot be.
  void Detach();
  // Whether the session was ended while there was still somebody using it.
  bool CutShort();

 private:
  enum class Phase { kStarting, kMounting, kServing };
  using Clock = std::chrono::steady_clock;

  [[noreturn]] void Run();
  int WaitForSignal(std::optional<Clock::time_point> until);
  void Terminate();
  void LogInFlight();
  void Leave(fuse::Mount* mount, fuse::Session* session, const Keeper* keeper);
  void CutOff(const char* why);

  const int failure_;
  Mutex mu_{LockRank::kSignals};
  Phase phase_ ABSL_GUARDED_BY(mu_) = Phase::kStarting;
  bool asked_ ABSL_GUARDED_BY(mu_) = false;  // a first signal has come
  bool cut_short_ ABSL_GUARDED_BY(mu_) = false;
  fuse::Mount* mount_ ABSL_GUARDED_BY(mu_) = nullptr;
  fuse::Session* session_ ABSL_GUARDED_BY(mu_) = nullptr;
  const Keeper* keeper_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::optional<Clock::time_point> deadline_;  // only the thread itself
};

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYFS_SIGNALS_H_
