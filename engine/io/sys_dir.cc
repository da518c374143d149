#include "engine/io/sys_dir.h"

#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "engine/io/sys_call.h"
#include "engine/io/sys_creds.h"

namespace plyfs::sys {
namespace {

// What getdents64 writes (include/linux/dirent.h:linux_dirent64); the name follows.
struct RawEntry {
  uint64_t ino;
  int64_t offset;
  uint16_t length;
  uint8_t type;
};
constexpr size_t kNameOffset = offsetof(RawEntry, type) + 1;

bool IsDots(std::string_view name) {
  return name == "." || name == "..";
}

}  // namespace

DirReader::DirReader(int fd) : fd_(fd), buffer_(new char[kBufferSize]) {}

Result<const DirReader::Entry*> DirReader::Next() {
  for (;;) {
    if (at_ >= used_) {
      PLY_TRY(used_, Call(Op::kGetdents, [&] {
                return static_cast<ssize_t>(::syscall(SYS_getdents64, fd_, buffer_.get(), kBufferSize));
              }));
      at_ = 0;
      if (used_ == 0) return static_cast<const Entry*>(nullptr);
    }
    const char* record = buffer_.get() + at_;
    RawEntry raw;
    std::memcpy(&raw, record, kNameOffset);
    at_ += raw.length;
    const char* name = record + kNameOffset;
    entry_ = {std::string_view(name, ::strnlen(name, raw.length - kNameOffset)), raw.ino, raw.type,
              raw.offset};
    if (!IsDots(entry_.name)) return &entry_;
  }
}

Status DirReader::Rewind(int64_t offset) {
  used_ = at_ = 0;
  return Do(Op::kSeek, [&] { return ::lseek(fd_, offset, SEEK_SET); });
}

Status MkdirAt(int dirfd, const char* name, mode_t mode) {
  SettleFsIds();
  return Do(Op::kMkdir, [&] { return ::mkdirat(dirfd, name, mode); });
}

Status MknodAt(int dirfd, const char* name, mode_t mode, dev_t rdev) {
  SettleFsIds();
  return Do(Op::kMknod, [&] { return ::mknodat(dirfd, name, mode, rdev); });
}

Status SymlinkAt(const char* target, int dirfd, const char* name) {
  SettleFsIds();
  return Do(Op::kSymlink, [&] { return ::symlinkat(target, dirfd, name); });
}

Status LinkAt(int from_dirfd, const char* from, int to_dirfd, const char* to) {
  return Do(Op::kLink, [&] { return ::linkat(from_dirfd, from, to_dirfd, to, 0); });
}

Status LinkFd(int fd, int to_dirfd, const char* to) {
  FdPath path(fd);
  return Do(Op::kLink, [&] {
    int result = ::linkat(fd, "", to_dirfd, to, AT_EMPTY_PATH);
    // AT_EMPTY_PATH answers ENOENT to who lacks CAP_DAC_READ_SEARCH (fs/namei.c:do_linkat).
    if (result == 0 || errno != ENOENT) return result;
    return ::linkat(AT_FDCWD, path.c_str(), to_dirfd, to, AT_SYMLINK_FOLLOW);
  });
}

Status UnlinkAt(int dirfd, const char* name, int flags) {
  return Do(Op::kUnlink, [&] { return ::unlinkat(dirfd, name, flags); });
}

Status RenameAt2(int from_dirfd, const char* from, int to_dirfd, const char* to, unsigned flags) {
  // RENAME_WHITEOUT makes one.
  if ((flags & RENAME_WHITEOUT) != 0) SettleFsIds();
  return Do(Op::kRename, [&] { return ::renameat2(from_dirfd, from, to_dirfd, to, flags); });
}

Result<std::string> ReadLinkAt(int dirfd, const char* name) {
  char target[PATH_MAX];
  PLY_TRY(ssize_t size,
          Call(Op::kReadLink, [&] { return ::readlinkat(dirfd, name, target, sizeof target); }));
  return std::string(target, static_cast<size_t>(size));
}

}  // namespace plyfs::sys
