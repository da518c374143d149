#include "tools/plyfs/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>

#include "fuse/mount.h"
#include "tools/plyfs/privileges.h"

namespace plyfs::tool {
namespace {

constexpr std::string_view kName = "plyfs-keeper";  // at most 15 bytes (prctl(2))
constexpr int kDaemonGone = SIGUSR2;

enum class Order : char { kMounted, kMountedByFusermount, kUnmount, kUnmountLazily };

#ifndef STATX_MNT_ID_UNIQUE
constexpr unsigned STATX_MNT_ID_UNIQUE = 0x4000;  // NOLINT: the kernel's name, since Linux 6.8
#endif

// Which mount is at a path.
struct Identity {
  uint64_t mount = 0;
  unsigned major = 0, minor = 0;
  bool operator==(const Identity&) const = default;
};

// Asks the filesystem nothing: its daemon may be dead.
std::optional<Identity> IdentityOf(int dir, const char* path, int flags) {
  struct statx stx;
  flags |= AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW;
  if (::statx(dir, path, flags, STATX_MNT_ID | STATX_MNT_ID_UNIQUE, &stx) < 0) return std::nullopt;
  return Identity{stx.stx_mnt_id, stx.stx_dev_major, stx.stx_dev_minor};
}

// fusectl as a mount that nobody sees, so that it need not be mounted anywhere; invalid: not allowed.
UniqueFd PrivateFusectl() {
  UniqueFd fs(::fsopen("fusectl", FSOPEN_CLOEXEC));
  if (!fs || ::fsconfig(fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) return UniqueFd();
  return UniqueFd(::fsmount(fs.get(), FSMOUNT_CLOEXEC, 0));
}

// What ends the connection when written to.  Opened while the mount lives: afterwards its number may be
// another one's, while this file is dead with it.
UniqueFd OpenAbortFile(const Identity& mount) {
  const std::string file = std::to_string(::makedev(mount.major, mount.minor)) + "/abort";
  if (const UniqueFd fusectl = PrivateFusectl()) {
    UniqueFd opened(::openat(fusectl.get(), file.c_str(), O_WRONLY | O_CLOEXEC));
    if (opened) return opened;
  }
  return UniqueFd(::open(("/sys/fs/fuse/connections/" + file).c_str(), O_WRONLY | O_CLOEXEC));
}

// The keeper's process.
class KeeperProcess {
 public:
  KeeperProcess(int daemon, pid_t daemon_pid, const std::string& mountpoint)
      : daemon_(daemon), daemon_pid_(daemon_pid), mountpoint_(mountpoint) {}

  [[noreturn]] void Run() {
    sigset_t notice;
    sigemptyset(&notice);
    sigaddset(&notice, kDaemonGone);
    const UniqueFd signals(::signalfd(-1, &notice, SFD_CLOEXEC));
    // Of the thread that forked: unlike a pidfd this does not wait for the threads that the kernel holds.
    ::prctl(PR_SET_PDEATHSIG, kDaemonGone);
    if (::getppid() != daemon_pid_) ::_exit(0);
    struct pollfd ready[] = {{daemon_, POLLIN, 0}, {signals.get(), POLLIN, 0}};
    while (::poll(ready, 2, -1) >= 0 || errno == EINTR) {
      if (ready[1].revents != 0 && DaemonIsGone(signals.get())) break;
      if (ready[0].revents != 0 && !Obey()) break;
    }
    EndConnection();
    ::_exit(0);
  }

 private:
  bool DaemonIsGone(int signals) const {
    struct signalfd_siginfo info;
    return ::read(signals, &info, sizeof info) == sizeof info &&
           info.ssi_pid == static_cast<uint32_t>(daemon_pid_);
  }

  // False: the daemon has hung up.
  bool Obey() {
    Order order;
    if (::recv(daemon_, &order, sizeof order, 0) != sizeof order) return false;
    if (order == Order::kMounted || order == Order::kMountedByFusermount) {
      if (!mount_) Adopt(order == Order::kMountedByFusermount);
      return true;
    }
    const int error = Unmount(order == Order::kUnmountLazily).error();
    return ::send(daemon_, &error, sizeof error, MSG_NOSIGNAL) == sizeof error;
  }

  void Adopt(bool by_fusermount) {
    mount_ = IdentityOf(AT_FDCWD, mountpoint_.c_str(), 0);
    by_fusermount_ = by_fusermount;
    if (mount_) abort_file_ = OpenAbortFile(*mount_);
  }

  Status Unmount(bool lazy) const {
    if (!mount_ || IdentityOf(AT_FDCWD, mountpoint_.c_str(), 0) != mount_) return Errno(EINVAL);
    return fuse::UnmountAt(mountpoint_, by_fusermount_, lazy);
  }

  void EndConnection() const {
    if (!mount_) return;
    if (abort_file_ && ::write(abort_file_.get(), "1", 1) == 1) return;
    // Held open it is busy: the connection ends, and the mount stays.
    const UniqueFd held(::open(mountpoint_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!held || IdentityOf(held.get(), "", AT_EMPTY_PATH) != mount_) return;
    (void)::umount2(("/proc/self/fd/" + std::to_string(held.get())).c_str(), MNT_FORCE);
  }

  const int daemon_;
  const pid_t daemon_pid_;
  const std::string mountpoint_;
  std::optional<Identity> mount_;
  bool by_fusermount_ = false;
  UniqueFd abort_file_;
};

// Nothing of the caller's, and no signal meant for the daemon.
void LeaveTheCaller(int socket, std::span<char> title) {
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  ::setsid();
  (void)::chdir("/");
  ::prctl(PR_SET_NAME, kName.data());
  if (title.size() > kName.size()) {
    std::fill(title.begin(), title.end(), '\0');
    std::copy(kName.begin(), kName.end(), title.begin());
  }
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (null < 0 || ::dup2(null, fd) < 0) ::close(fd);
  }
  const unsigned kept = static_cast<unsigned>(socket);
  if (kept > STDERR_FILENO + 1) ::close_range(STDERR_FILENO + 1, kept - 1, 0);
  ::close_range(kept + 1, ~0U, 0);
}

}  // namespace

Result<Keeper> Keeper::Start(const std::string& mountpoint, std::span<char> title) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return LastErrno();
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  const pid_t daemon = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return LastErrno();
  if (pid > 0) return Keeper(std::move(ours));
  LeaveTheCaller(theirs.get(), title);
  if (!DropKeeperPrivileges().ok()) ::_exit(1);
  KeeperProcess(theirs.get(), daemon, mountpoint).Run();
}

void Keeper::Mounted(bool by_fusermount) const {
  const Order order = by_fusermount ? Order::kMountedByFusermount : Order::kMounted;
  // Where this fails, so does Unmount.
  (void)::send(socket_.get(), &order, sizeof order, MSG_NOSIGNAL);
}

Status Keeper::Unmount(bool lazy) const {
  const Order order = lazy ? Order::kUnmountLazily : Order::kUnmount;
  int error = 0;
  if (::send(socket_.get(), &order, sizeof order, MSG_NOSIGNAL) != sizeof order) return Errno(ENOTCONN);
  ssize_t got;
  do {
    got = ::recv(socket_.get(), &error, sizeof error, 0);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof error) return Errno(ENOTCONN);
  return error == 0 ? OkStatus() : Status(Errno(error));
}

}  // namespace plyfs::tool
