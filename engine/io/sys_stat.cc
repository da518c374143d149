#include "engine/io/sys_stat.h"

#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "engine/io/sys_call.h"
#include "engine/io/sys_creds.h"
#include "engine/io/sys_open.h"

namespace plyfs::sys {
namespace {

// STATX_SUBVOL, and where stx_subvol stands in struct statx (include/uapi/linux/stat.h since Linux 6.10; the
// headers of Debian 12 lack it); spare before.
constexpr unsigned kStatxSubvol = 0x8000;
constexpr size_t kSubvolOffset = 0xa0;
static_assert(sizeof(struct statx) >= kSubvolOffset + sizeof(uint64_t));

// How btrfs has always told it.
Result<uint64_t> BtrfsSubvolume(int fd) {
  // ioctl refuses O_PATH descriptors (fs/ioctl.c uses fdget).
  PLY_TRY(UniqueFd real, Reopen(fd, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct btrfs_ioctl_ino_lookup_args args = {};
  args.objectid = BTRFS_FIRST_FREE_OBJECTID;
  if (::ioctl(real.get(), BTRFS_IOC_INO_LOOKUP, &args) != 0) return LastErrno();
  return uint64_t{args.treeid};
}

}  // namespace

Result<struct statx> Statx(int dirfd, const char* name, int flags, unsigned mask) {
  struct statx st;
  PLY_CHECK(Do(Op::kStatx, [&] {
    return ::statx(dirfd, name, flags | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, mask, &st);
  }));
  return st;
}

Result<struct statx> StatxFd(int fd, unsigned mask) {
  return Statx(fd, "", AT_EMPTY_PATH, mask);
}

Result<uint64_t> Subvolume(int fd) {
  if (FaultAt(Op::kStatxNewFields) == 0) {
    PLY_TRY(auto st, StatxFd(fd, kStatxSubvol));
    uint64_t subvolume = 0;
    std::memcpy(&subvolume, reinterpret_cast<const char*>(&st) + kSubvolOffset, sizeof subvolume);
    if ((st.stx_mask & kStatxSubvol) != 0) return subvolume;
  }
  PLY_TRY(auto fs, FStatFs(fd));
  // Asked by type, never by trial: the same request may mean anything to a FUSE server.
  if (fs.f_type != BTRFS_SUPER_MAGIC) return uint64_t{0};
  return BtrfsSubvolume(fd);
}

Result<struct statfs> FStatFs(int fd) {
  struct statfs st;
  PLY_CHECK(Do(Op::kStatFs, [&] { return ::fstatfs(fd, &st); }));
  return st;
}

Status Access(int dirfd, const char* name, int mode) {
  SettleFsIds();
  int flags = AT_EACCESS | (*name == '\0' ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW);
  // The raw call: glibc answers for AT_EACCESS itself where it thinks it can.
  return Do(Op::kAccess,
            [&] { return static_cast<int>(::syscall(SYS_faccessat2, dirfd, name, mode, flags)); });
}

}  // namespace plyfs::sys
