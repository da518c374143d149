// The two spellings of a file's type: S_IFMT bits of a mode, DT_* of a directory entry.  Any thread.
#ifndef PLYFS_ENGINE_FORMAT_FILE_TYPE_H_
#define PLYFS_ENGINE_FORMAT_FILE_TYPE_H_

#include <dirent.h>
#include <sys/stat.h>

#include <cstdint>

namespace plyfs {

// DT_UNKNOWN for a mode without a legal type.
constexpr uint8_t DirentTypeOf(uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return DT_REG;
    case S_IFDIR:
      return DT_DIR;
    case S_IFLNK:
      return DT_LNK;
    case S_IFCHR:
      return DT_CHR;
    case S_IFBLK:
      return DT_BLK;
    case S_IFIFO:
      return DT_FIFO;
    case S_IFSOCK:
      return DT_SOCK;
    default:
      return DT_UNKNOWN;
  }
}

// 0 for DT_UNKNOWN, DT_WHT and anything else that names no type: the entry has to be asked itself (D12).
constexpr uint32_t FileTypeOf(uint8_t dirent_type) {
  switch (dirent_type) {
    case DT_REG:
      return S_IFREG;
    case DT_DIR:
      return S_IFDIR;
    case DT_LNK:
      return S_IFLNK;
    case DT_CHR:
      return S_IFCHR;
    case DT_BLK:
      return S_IFBLK;
    case DT_FIFO:
      return S_IFIFO;
    case DT_SOCK:
      return S_IFSOCK;
    default:
      return 0;
  }
}

// A character device 0/0 (semantics, table of formats).
constexpr bool IsWhiteoutDevice(uint32_t mode, uint32_t rdev_major, uint32_t rdev_minor) {
  return (mode & S_IFMT) == S_IFCHR && rdev_major == 0 && rdev_minor == 0;
}

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_FILE_TYPE_H_
