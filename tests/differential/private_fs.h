// PrivateFs: a filesystem of the test's own, in an image file held in memory: unmounting an overlay syncs its
// upper's whole filesystem, and inode numbers and free space should be nobody else's business.
//
// Owned by the program; gone with the object.  Needs root and loop devices.
#ifndef PLYFS_TESTS_DIFFERENTIAL_PRIVATE_FS_H_
#define PLYFS_TESTS_DIFFERENTIAL_PRIVATE_FS_H_

#include <memory>
#include <string>
#include <vector>

namespace plyfs::diff {

// True when the command ended with status 0.
bool RunCommand(const std::vector<std::string>& words);

// What this program mounts from now on is nobody else's: no copy in a namespace made elsewhere meanwhile
// keeps a daemon alive beyond its unmounting, and all of it goes with us, however we end.  False: not allowed
// (errno).
bool HaveOwnMounts();

class PrivateFs {
 public:
  // `type`: ext4, xfs, btrfs (mkfs.TYPE must exist) or tmpfs.  Null and *error otherwise.
  static std::unique_ptr<PrivateFs> Make(const std::string& type, std::string* error);
  ~PrivateFs();
  PrivateFs(const PrivateFs&) = delete;
  PrivateFs& operator=(const PrivateFs&) = delete;

  const std::string& path() const { return mount_; }

 private:
  PrivateFs(std::string image, std::string mount) : image_(std::move(image)), mount_(std::move(mount)) {}

  const std::string image_, mount_;
};

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_PRIVATE_FS_H_
