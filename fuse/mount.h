// Mounting and unmounting a FUSE filesystem: mount(2) where privileged, fusermount3 where not, and /dev/fd/N
// for a connection that the caller has mounted already.
//
// Made by the program's main thread; Unmount may be called by its signal thread as well.
#ifndef PLYFS_FUSE_MOUNT_H_
#define PLYFS_FUSE_MOUNT_H_

#include <cstdint>
#include <functional>
#include <string>

#include "engine/base/result.h"

namespace plyfs::fuse {

struct MountSpec {
  std::string mountpoint;         // absolute; or "/dev/fd/N": mounted already, serve that descriptor
  std::string source = "plyfs";   // what /proc/mounts shows first (fsname=)
  std::string subtype = "plyfs";  // type fuse.SUBTYPE
  unsigned long ms_flags = 0;     // MS_RDONLY, MS_NODEV, ... as mount(2) takes them
  bool allow_other = false;
  bool allow_root = false;  // granted only to root, for whom it says nothing; else refused
  bool default_permissions = true;
  bool auto_unmount = false;      // through fusermount3 only
  uint32_t max_read = 0;          // 0: the kernel's own bound
  std::string selinux_context;    // context=, empty: none
  unsigned long propagation = 0;  // MS_PRIVATE, MS_SHARED, ..., 0: leave; applied after mounting
};

class Mount {
 public:
  // Mounts.  `serve` is called with the /dev/fuse descriptor, must answer INIT and return when it has
  // (Session::Start).  Where the kernel offers synchronous INIT it is called from a thread of its own before
  // mount(2), which then succeeds only if INIT did; a mount that fails interrupts it (EINTR).  It has always
  // returned when Create returns.  On failure *error_line is one line with the cause and the remedy.
  static Result<Mount> Create(const MountSpec& spec, const std::function<Status(int fd)>& serve,
                              std::string* error_line);
  Mount(Mount&&) noexcept = default;
  Mount& operator=(Mount&&) noexcept = default;
  ~Mount() = default;  // does not unmount and leaves the descriptor open: it is the connection

  int fd() const { return fd_; }
  bool by_fusermount() const { return by_fusermount_; }
  // umount2(2) or fusermount3 -u; `lazy`: MNT_DETACH.  EBUSY while in use.  EINVAL for /dev/fd/N: who mounted
  // it unmounts it.
  Status Unmount(bool lazy);

 private:
  Mount() = default;
  std::string mountpoint_;
  int fd_ = -1;
  bool by_fusermount_ = false;
};

// What Unmount does, for another process.
Status UnmountAt(const std::string& mountpoint, bool by_fusermount, bool lazy);

// Applies ro/rw and the like to the live mount at `mountpoint` (`-o remount`, M22): MS_REMOUNT.
Status Remount(const std::string& mountpoint, unsigned long ms_flags);

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_MOUNT_H_
