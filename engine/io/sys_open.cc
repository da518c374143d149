#include "engine/io/sys_open.h"

#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/io/sys_call.h"
#include "engine/io/sys_creds.h"

namespace plyfs::sys {
namespace {

bool Creates(int flags) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

// O_TRUNC empties a file that is there, so it counts as a change of the disk as well.
Op OpenOp(int flags) {
  return Creates(flags) || (flags & O_TRUNC) != 0 ? Op::kCreate : Op::kOpen;
}

Result<UniqueFd> Owned(Result<int> fd) {
  if (!fd.ok()) return fd.status();
  return UniqueFd(*fd);
}

}  // namespace

Result<UniqueFd> OpenAt2(int dirfd, const char* path, int flags, mode_t mode, uint64_t resolve) {
  if (Creates(flags)) SettleFsIds();
  struct open_how how = {};
  how.flags = static_cast<uint32_t>(flags) | O_CLOEXEC;
  // openat2 refuses a mode where nothing can be created (fs/open.c:build_open_flags).
  how.mode = Creates(flags) ? mode : 0;
  how.resolve = resolve;
  return Owned(Call(OpenOp(flags),
                    [&] { return static_cast<int>(::syscall(SYS_openat2, dirfd, path, &how, sizeof how)); }));
}

Result<UniqueFd> OpenBeneath(int dirfd, const char* path, int flags, mode_t mode) {
  return OpenAt2(dirfd, path, flags | O_NOFOLLOW, mode, kBeneath);
}

Result<UniqueFd> Reopen(int fd, int flags) {
  FdPath path(fd);
  return Owned(Call(OpenOp(flags), [&] { return ::open(path.c_str(), flags | O_CLOEXEC); }));
}

Result<UniqueFd> OpenTreeClone(int fd) {
  PLY_TRY(UniqueFd clone, Owned(Call(Op::kOpenTree, [&] {
            return static_cast<int>(
                ::syscall(SYS_open_tree, fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
          })));
  // Or what is mounted later inside a shared mount would be in the clone too.
  struct mount_attr attr = {};
  attr.propagation = MS_PRIVATE;
  (void)::syscall(SYS_mount_setattr, clone.get(), "", AT_EMPTY_PATH, &attr, sizeof attr);
  return clone;
}

Result<UniqueFd> Dup(int fd) {
  return Owned(Call(Op::kOpen, [&] { return ::fcntl(fd, F_DUPFD_CLOEXEC, 0); }));
}

}  // namespace plyfs::sys
