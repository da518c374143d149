#include "tools/plyfs/signals.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "engine/base/log.h"

namespace plyfs::tool {
namespace {

constexpr std::chrono::seconds kPatience(30);

sigset_t HandledSignals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) ::sigaddset(&set, signal);
  return set;
}

// By the keeper, unless somebody has killed it.
Status Unmount(fuse::Mount& mount, const Keeper& keeper, bool lazy) {
  Status done = keeper.Unmount(lazy);
  return done.error() == ENOTCONN ? mount.Unmount(lazy) : done;
}

}  // namespace

void SignalThread::Block() {
  ::signal(SIGPIPE, SIG_IGN);
  // A caller that ignores these means itself; INT and HUP stay ignored where they are (nohup).
  for (int signal : {SIGTERM, SIGUSR1}) ::signal(signal, SIG_DFL);
  sigset_t set = HandledSignals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

SignalThread::SignalThread(int failure) : failure_(failure) {
  std::thread([this] { Run(); }).detach();
}

void SignalThread::Mounting() {
  MutexLock lock(mu_);
  phase_ = Phase::kMounting;
}

void SignalThread::Serving(fuse::Mount* mount, fuse::Session* session, const Keeper* keeper) {
  bool asked = false;
  {
    MutexLock lock(mu_);
    phase_ = Phase::kServing;
    mount_ = mount;
    session_ = session;
    keeper_ = keeper;
    asked = asked_;
  }
  if (asked) Leave(mount, session, keeper);
}

void SignalThread::Detach() {
  fuse::Mount* mount = nullptr;
  fuse::Session* session = nullptr;
  const Keeper* keeper = nullptr;
  {
    MutexLock lock(mu_);
    mount = mount_;
    session = session_;
    keeper = keeper_;
  }
  const Status detached = keeper != nullptr ? Unmount(*mount, *keeper, /*lazy=*/true) : Status(Errno(EPERM));
  if (!detached.ok()) session->Stop();
}

bool SignalThread::CutShort() {
  MutexLock lock(mu_);
  return cut_short_;
}

void SignalThread::Run() {
  for (;;) {
    int signal = WaitForSignal(deadline_);
    if (signal == 0) {
      deadline_.reset();
      CutOff("still in use 30 seconds after the signal to end");
    } else if (signal == SIGUSR1) {
      LogInFlight();
    } else {
      Terminate();
    }
  }
}

// The signal, or 0 when `until` has come.
int SignalThread::WaitForSignal(std::optional<Clock::time_point> until) {
  sigset_t set = HandledSignals();
  for (;;) {
    int signal = -1;
    if (until) {
      auto left = std::max(*until - Clock::now(), Clock::duration::zero());
      auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
      struct timespec wait = {static_cast<time_t>(ns / 1000000000), static_cast<long>(ns % 1000000000)};
      signal = ::sigtimedwait(&set, nullptr, &wait);
    } else {
      signal = ::sigwaitinfo(&set, nullptr);
    }
    if (signal > 0) return signal;
    if (errno == EAGAIN) return 0;
  }
}

void SignalThread::Terminate() {
  Phase phase;
  bool again = false;
  const Keeper* keeper = nullptr;
  fuse::Mount* mount = nullptr;
  fuse::Session* session = nullptr;
  {
    MutexLock lock(mu_);
    phase = phase_;
    again = std::exchange(asked_, true);
    mount = mount_;
    session = session_;
    keeper = keeper_;
  }
  if (phase == Phase::kStarting) ::_exit(failure_);
  if (again) return CutOff("told twice to end");
  deadline_ = Clock::now() + kPatience;
  if (phase == Phase::kServing) Leave(mount, session, keeper);
}

void SignalThread::LogInFlight() {
  fuse::Session* session = nullptr;
  {
    MutexLock lock(mu_);
    session = session_;
  }
  if (session != nullptr) session->LogInFlight();
}

void SignalThread::Leave(fuse::Mount* mount, fuse::Session* session, const Keeper* keeper) {
  // A connection that was handed to us has a mount somewhere that we may not be able to name or to unmount.
  if (keeper == nullptr) return session->Stop();
  Status unmounted = Unmount(*mount, *keeper, /*lazy=*/false);
  if (unmounted.error() == EBUSY) {
    Log("in use while told to end: detached, served until the last user is gone");
    unmounted = Unmount(*mount, *keeper, /*lazy=*/true);
  }
  // Unmounted by somebody else meanwhile, perhaps lazily, perhaps with users left.
  if (unmounted.ok() || unmounted.error() == EINVAL || unmounted.error() == ENOENT) return;
  Logf("cannot unmount: %s; ending without", std::strerror(unmounted.error()));
  session->Stop();
}

void SignalThread::CutOff(const char* why) {
  fuse::Session* session = nullptr;
  {
    MutexLock lock(mu_);
    if (phase_ != Phase::kServing) return;
    session = session_;
    cut_short_ = true;
  }
  Logf("%s: ending now; those who still use the mount will see ENOTCONN", why);
  session->Stop();
}

}  // namespace plyfs::tool
