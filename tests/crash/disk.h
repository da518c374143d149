// Disk: the filesystem that a case is run on, and its power cut.
//
// Root, loop devices; one thread.  Each holds a world (world.h); gone with the object.
#ifndef PLYFS_TESTS_CRASH_DISK_H_
#define PLYFS_TESTS_CRASH_DISK_H_

#include <memory>
#include <string>

namespace plyfs::crash {

enum class Cut {
  kNone,      // the filesystem lives on: only the daemon dies
  kLogged,    // all metadata reaches the disk, data only where it was synced
  kUnlogged,  // what was not synced is lost
};

class Disk {
 public:
  // A fresh world on a filesystem of `type` (ext4, xfs) in an image in memory.  Null and *error otherwise.
  static std::unique_ptr<Disk> Make(const std::string& type, std::string* error);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  // The world's root.
  const std::string& root() const { return root_; }

  // The world as it was made, on disk too.
  void Renew() const;
  // All that was done so far is on disk.
  void Sync() const;
  // The filesystem stops, and is mounted again with what the disk has.  Nothing else may be mounted on it.
  std::string CutPower(Cut cut);

 private:
  Disk(std::string type, std::string base);
  std::string MountImage() const;

  const std::string type_, base_, image_, root_;
};

}  // namespace plyfs::crash

#endif  // PLYFS_TESTS_CRASH_DISK_H_
