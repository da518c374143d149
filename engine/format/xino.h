// InoMapper: from a layer's inode number to the number shown, unique in the mount and stable for good
// (S1, S3-S5).
//
// One filesystem under all layers: the real number.  Several: the filesystem's index in the high bits over
// the real number, as kernel xino=on composes it.  A number that does not fit is hashed into a range of its
// own for each filesystem, told from composed ones by the bit that the kernel, too, keeps free for overflow
// (fs/overlayfs/super.c:ovl_fill_super, inode.c:ovl_map_dev_ino).
// Immutable after construction; any thread.
#ifndef PLYFS_ENGINE_FORMAT_XINO_H_
#define PLYFS_ENGINE_FORMAT_XINO_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/format/origin.h"

namespace plyfs {

// One number space: a filesystem, or one subvolume of it (S4).
struct FsKey {
  FsUuid uuid{};
  uint64_t subvolume = 0;
  friend bool operator==(const FsKey&, const FsKey&) = default;
};

class InoMapper {
 public:
  // filesystems[0] is upper's, with or without an upper (its key is then not used); the lowers' own follow,
  // without repetition, in the order of the layers, which makes the numbers the same after a remount.
  // `all_ino32`: every one has file handles of 32-bit inode numbers (handle type 1), for which the kernel
  // composes with 32 bits.
  InoMapper(std::vector<FsKey> filesystems, bool has_upper, bool all_ino32);

  // REQUIRES: fs < the number of filesystems.
  uint64_t Map(size_t fs, uint64_t ino) const;

  // Bits kept for the filesystem and the overflow mark; 0: numbers are shown as they are.
  unsigned bits() const { return bits_; }

 private:
  std::vector<FsKey> filesystems_;
  unsigned bits_;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_XINO_H_
