#include "engine/io/sys_stat.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "engine/io/sys_call.h"
#include "engine/io/sys_creds.h"

namespace plyfs::sys {
namespace {

// Where stx_subvol stands in struct statx (include/uapi/linux/stat.h since Linux 6.10); spare before.
constexpr size_t kSubvolOffset = 0xa0;
static_assert(sizeof(struct statx) >= kSubvolOffset + sizeof(uint64_t));

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
  if (FaultAt(Op::kStatxNewFields) != 0) return uint64_t{0};
  PLY_TRY(auto st, StatxFd(fd, kStatxSubvol));
  uint64_t subvolume = 0;
  if ((st.stx_mask & kStatxSubvol) != 0) {
    std::memcpy(&subvolume, reinterpret_cast<const char*>(&st) + kSubvolOffset, sizeof subvolume);
  }
  return subvolume;
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
