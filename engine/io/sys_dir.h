// Directories: reading them, and making, linking, renaming and removing names in them.
//
// A directory is a descriptor, a name one component (the caller has it as a Name; see sys_stat.h for why).
// No symlink is followed.  Any thread.
#ifndef PLYFS_ENGINE_IO_SYS_DIR_H_
#define PLYFS_ENGINE_IO_SYS_DIR_H_

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace plyfs::sys {

// Reads one directory from where its descriptor stands, without "." and "..".  Owned by one thread at a time;
// the descriptor (not O_PATH) stays the caller's, and its offset moves.
class DirReader {
 public:
  struct Entry {
    std::string_view name;  // NUL-terminated in the buffer; valid until the next call of Next
    uint64_t ino = 0;
    uint8_t type = DT_UNKNOWN;
    int64_t next_offset = 0;  // seek here (Rewind) to go on after this entry
  };

  explicit DirReader(int fd);

  // The next entry, or null at the end.  The entry is the reader's own.
  Result<const Entry*> Next();
  // Go on from `offset`: 0 or an entry's next_offset.
  Status Rewind(int64_t offset = 0);

 private:
  static constexpr size_t kBufferSize = 64 << 10;

  int fd_;
  std::unique_ptr<char[]> buffer_;
  size_t used_ = 0;
  size_t at_ = 0;
  Entry entry_;
};

Status MkdirAt(int dirfd, const char* name, mode_t mode);
Status MknodAt(int dirfd, const char* name, mode_t mode, dev_t rdev);
Status SymlinkAt(const char* target, int dirfd, const char* name);

// Another name for a name; a symlink itself is linked.
Status LinkAt(int from_dirfd, const char* from, int to_dirfd, const char* to);
// A name for what `fd` holds, also for O_TMPFILE and O_PATH.  With an O_TMPFILE file opened with O_EXCL, or
// one whose last name is gone: ENOENT.
Status LinkFd(int fd, int to_dirfd, const char* to);

// `flags`: 0 or AT_REMOVEDIR.
Status UnlinkAt(int dirfd, const char* name, int flags = 0);

// `flags`: RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT.  EINVAL where the filesystem lacks one.
Status RenameAt2(int from_dirfd, const char* from, int to_dirfd, const char* to, unsigned flags = 0);

// The target of a symlink; an empty name means the symlink that `dirfd` (O_PATH|O_NOFOLLOW) holds.
Result<std::string> ReadLinkAt(int dirfd, const char* name);

}  // namespace plyfs::sys

#endif  // PLYFS_ENGINE_IO_SYS_DIR_H_
