#include "fuse/mount.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <thread>

#include "engine/base/log.h"
#include "engine/io/unique_fd.h"
#include "fuse/fusermount.h"
#include "fuse/mount_options.h"
#include "fuse/wire.h"

namespace plyfs::fuse {
namespace {

using Serve = std::function<Status(int fd)>;

std::string Say(const std::string& mountpoint, const std::string& cause, const char* remedy) {
  return "mountpoint " + mountpoint + ": " + cause + (*remedy != '\0' ? std::string("; ") + remedy : "");
}

const char* RemedyFor(int error) {
  switch (error) {
    case EPERM:
    case EACCES:
      return geteuid() == 0 ? "mount with CAP_SYS_ADMIN over this mount namespace"
                            : "mount as root, or install fuse3 for fusermount3";
    case EBUSY:
      return "unmount what is there first";
    case ENODEV:
      return "load the fuse module (modprobe fuse)";
    case ENOTCONN:
      return "a dead mount is in the way: umount -l it";
    case EINVAL:
      return "one of the mount options is not known to this kernel";
    default:
      return "see the kernel's log (dmesg)";
  }
}

// What fusermount3 says is mostly about the user's rights; where ours names a remedy it stands.
std::string SayOfFusermount(const std::string& mountpoint, const std::string& cause) {
  const bool has_remedy = cause.find("; ") != std::string::npos;
  return Say(mountpoint, cause, has_remedy ? "" : "set that right, or mount as root");
}

Status CheckMountpoint(const std::string& path, std::string* error_line) {
  struct stat st;
  if (stat(path.c_str(), &st) < 0) {
    const Errno error = LastErrno();
    *error_line = Say(path, strerrordesc_np(error.value()),
                      error.value() == ENOENT ? "create the directory first" : RemedyFor(error.value()));
    return error;
  }
  if (S_ISDIR(st.st_mode)) return OkStatus();
  *error_line = Say(path, "not a directory", "give a directory to mount on");
  return Errno(ENOTDIR);
}

Result<UniqueFd> OpenDevice(const std::string& mountpoint, std::string* error_line) {
  UniqueFd fd(open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (fd) return fd;
  const Errno error = LastErrno();
  const bool absent = error.value() == ENOENT || error.value() == ENODEV || error.value() == ENXIO;
  *error_line = Say(
      mountpoint, std::string("/dev/fuse: ") + strerrordesc_np(error.value()),
      absent ? "load the fuse module (modprobe fuse)" : "give this user read and write access to /dev/fuse");
  return error;
}

Status MountDevice(const MountSpec& spec, int fd) {
  const std::string type = "fuse." + spec.subtype;
  const std::string options = KernelOptions(spec, fd, getuid(), getgid());
  if (mount(spec.source.c_str(), spec.mountpoint.c_str(), type.c_str(), spec.ms_flags, options.c_str()) < 0) {
    return LastErrno();
  }
  return OkStatus();
}

// Runs `serve` on a thread of its own while mount(2) waits for INIT.  When mount(2) fails there never is an
// INIT, and the reader waits in the kernel (fs/fuse/dev.c:fuse_get_dev) until a signal with a handler comes.
class ServeAhead {
 public:
  ServeAhead(const Serve& serve, int fd) : thread_([this, &serve, fd] { Run(serve, fd); }) {}

  Status Join() {
    thread_.join();
    return status_;
  }

  void GiveUp() {
    struct sigaction quiet = {}, before;
    quiet.sa_handler = [](int) {};  // and no SA_RESTART
    sigaction(kInterrupt(), &quiet, &before);
    // Again and again: the first may come just before the thread enters the kernel.
    while (!done_.load()) {
      pthread_kill(thread_.native_handle(), kInterrupt());
      usleep(1000);
    }
    thread_.join();
    sigaction(kInterrupt(), &before, nullptr);
  }

 private:
  static int kInterrupt() { return SIGRTMIN + 1; }

  void Run(const Serve& serve, int fd) {
    sigset_t mask;
    sigfillset(&mask);
    sigdelset(&mask, kInterrupt());
    pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    status_ = serve(fd);
    done_.store(true);
  }

  Status status_;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

// A mount that nobody serves must not stay.
Status KeepIf(const Status& served, const MountSpec& spec) {
  if (!served) (void)umount2(spec.mountpoint.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  return served;
}

Status MountAndServe(const MountSpec& spec, int fd, const Serve& serve) {
  if (ioctl(fd, wire::kIocSyncInit) == 0) {
    ServeAhead ahead(serve, fd);
    const Status mounted = MountDevice(spec, fd);
    if (mounted.ok()) return KeepIf(ahead.Join(), spec);
    ahead.GiveUp();
    return mounted;
  }
  PLY_CHECK(MountDevice(spec, fd));
  return KeepIf(serve(fd), spec);
}

Status FusermountAndServe(const MountSpec& spec, const Serve& serve, UniqueFd* fd, std::string* cause) {
  PLY_TRY(const int passed, FusermountMount(spec.mountpoint, FusermountOptions(spec), cause));
  fd->reset(passed);
  const Status served = serve(passed);
  if (!served) (void)FusermountUnmount(spec.mountpoint, /*lazy=*/true);
  return served;
}

void ApplyPropagation(const MountSpec& spec) {
  if (spec.propagation == 0) return;
  if (mount(nullptr, spec.mountpoint.c_str(), nullptr, spec.propagation, nullptr) < 0) {
    Logf("mountpoint %s: propagation not changed: %s", spec.mountpoint.c_str(), strerrordesc_np(errno));
  }
}

Status CheckSpec(const MountSpec& spec, std::string* error_line) {
  PLY_CHECK(CheckMountpoint(spec.mountpoint, error_line));
  if (!spec.allow_root || getuid() == 0) return OkStatus();
  *error_line = Say(spec.mountpoint, "allow_root is not supported for ordinary users", "use allow_other");
  return Errno(EINVAL);
}

}  // namespace

Result<Mount> Mount::Create(const MountSpec& spec, const Serve& serve, std::string* error_line) {
  Mount mount;
  if (const auto given = MountedDescriptor(spec.mountpoint)) {
    mount.fd_ = *given;
    const Status served = fcntl(*given, F_GETFD) < 0 ? Status(LastErrno()) : serve(*given);
    if (served.ok()) return mount;
    *error_line =
        Say(spec.mountpoint, strerrordesc_np(served.error()), "pass a mounted /dev/fuse descriptor");
    return served.status();
  }
  PLY_CHECK(CheckSpec(spec, error_line));
  mount.mountpoint_ = spec.mountpoint;
  UniqueFd fd;
  Result<UniqueFd> device = OpenDevice(spec.mountpoint, error_line);
  // fusermount3 opens the device by its own right.
  if (!device.ok() && (device.error() != EACCES || geteuid() == 0)) return device.status();
  Status status = device.ok() ? MountAndServe(spec, device->get(), serve) : Status(Errno(EPERM));
  if (device.ok()) fd = *std::move(device);
  std::string cause;
  if (status.error() == EPERM && geteuid() != 0) {
    status = FusermountAndServe(spec, serve, &fd, &cause);
    mount.by_fusermount_ = true;
  }
  if (!status) {
    *error_line = cause.empty()
                      ? Say(spec.mountpoint, strerrordesc_np(status.error()), RemedyFor(status.error()))
                      : SayOfFusermount(spec.mountpoint, cause);
    return status.status();
  }
  ApplyPropagation(spec);
  mount.fd_ = fd.release();
  return mount;
}

Status Mount::Unmount(bool lazy) {
  if (mountpoint_.empty()) return Errno(EINVAL);
  return UnmountAt(mountpoint_, by_fusermount_, lazy);
}

Status UnmountAt(const std::string& mountpoint, bool by_fusermount, bool lazy) {
  if (by_fusermount) return FusermountUnmount(mountpoint, lazy);
  const int flags = UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0);
  return umount2(mountpoint.c_str(), flags) < 0 ? Status(LastErrno()) : OkStatus();
}

Status Remount(const std::string& mountpoint, unsigned long ms_flags) {
  if (mount(nullptr, mountpoint.c_str(), nullptr, MS_REMOUNT | ms_flags, nullptr) < 0) return LastErrno();
  return OkStatus();
}

}  // namespace plyfs::fuse
