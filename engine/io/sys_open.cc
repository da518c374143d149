#include "engine/io/sys_open.h"

#include <linux/limits.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <string_view>

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

}  // namespace

Result<UniqueFd> OpenAt2(int dirfd, const char* path, int flags, mode_t mode, uint64_t resolve) {
  if (Creates(flags)) SettleFsIds();
  struct open_how how = {};
  how.flags = static_cast<uint32_t>(flags) | O_CLOEXEC;
  // openat2 refuses a mode where nothing can be created (fs/open.c:build_open_flags).
  how.mode = Creates(flags) ? mode : 0;
  how.resolve = resolve;
  return CallForDescriptor(
      OpenOp(flags), [&] { return static_cast<int>(::syscall(SYS_openat2, dirfd, path, &how, sizeof how)); });
}

namespace {

// The kernel takes no path of PATH_MAX bytes, but layers may be as deep as they like.
Result<UniqueFd> OpenInPieces(int dirfd, std::string_view path, int flags, mode_t mode) {
  UniqueFd at;
  while (path.size() >= PATH_MAX) {
    const size_t end = path.rfind('/', PATH_MAX - 1);
    if (end == path.npos) return Errno(ENAMETOOLONG);
    const std::string piece(path.substr(0, end));
    PLY_TRY(at,
            OpenAt2(at ? at.get() : dirfd, piece.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, kBeneath));
    path.remove_prefix(end + 1);
  }
  return OpenAt2(at ? at.get() : dirfd, std::string(path).c_str(), flags | O_NOFOLLOW, mode, kBeneath);
}

}  // namespace

Result<UniqueFd> OpenBeneath(int dirfd, const char* path, int flags, mode_t mode) {
  Result<UniqueFd> fd = OpenAt2(dirfd, path, flags | O_NOFOLLOW, mode, kBeneath);
  if (fd.error() != ENAMETOOLONG || std::strlen(path) < PATH_MAX) return fd;
  return OpenInPieces(dirfd, path, flags, mode);
}

Result<UniqueFd> Reopen(int fd, int flags) {
  FdPath path(fd);
  return CallForDescriptor(OpenOp(flags), [&] { return ::open(path.c_str(), flags | O_CLOEXEC); });
}

Result<UniqueFd> OpenTreeClone(int fd) {
  PLY_TRY(UniqueFd clone, CallForDescriptor(Op::kOpenTree, [&] {
            return static_cast<int>(
                ::syscall(SYS_open_tree, fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
          }));
  // Or what is mounted later inside a shared mount would be in the clone too.
  struct mount_attr attr = {};
  attr.propagation = MS_PRIVATE;
  (void)::syscall(SYS_mount_setattr, clone.get(), "", AT_EMPTY_PATH, &attr, sizeof attr);
  return clone;
}

Result<UniqueFd> Dup(int fd) {
  return CallForDescriptor(Op::kOpen, [&] { return ::fcntl(fd, F_DUPFD_CLOEXEC, 0); });
}

}  // namespace plyfs::sys
