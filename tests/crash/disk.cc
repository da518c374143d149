#include "tests/crash/disk.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/crash/world.h"
#include "tests/differential/private_fs.h"

namespace plyfs::crash {
namespace {

// FS_IOC_SHUTDOWN, which ext4 and xfs share (fs/ext4/ext4.h, fs/xfs/xfs_fs.h).
constexpr unsigned long kShutdown = _IOR('X', 125, uint32_t);
constexpr uint32_t kFlushLog = 1, kFlushNothing = 2;

// mkfs.xfs takes no less than 300 MB; the files are sparse.
constexpr off_t kExt4Size = off_t{64} << 20, kXfsSize = off_t{320} << 20;

}  // namespace

Disk::Disk(std::string type, std::string base)
    : type_(std::move(type)), base_(std::move(base)), image_(base_ + "/image"), root_(base_ + "/disk") {}

std::unique_ptr<Disk> Disk::Make(const std::string& type, std::string* error) {
  std::string base = "/dev/shm/plyfs-crash-XXXXXX";
  if (mkdtemp(base.data()) == nullptr) {
    *error = base + ": " + strerror(errno);
    return nullptr;
  }
  std::unique_ptr<Disk> disk(new Disk(type, base));
  const std::string& image = disk->image_;
  const int fd = open(image.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  bool fine = fd >= 0 && ftruncate(fd, type == "xfs" ? kXfsSize : kExt4Size) == 0;
  if (fd >= 0) close(fd);
  fine = fine && chmod(base.c_str(), 0755) == 0 && mkdir(disk->root_.c_str(), 0755) == 0 &&
         diff::RunCommand({"mkfs." + type, "-q", image});
  *error = fine ? disk->MountImage() : "cannot make an image with mkfs." + type;
  if (!error->empty()) return nullptr;
  chmod(disk->root_.c_str(), 0755);
  MakeLowers(disk->root_);
  MakeUpper(disk->root_);
  return error->empty() ? std::move(disk) : nullptr;
}

Disk::~Disk() {
  umount2(root_.c_str(), MNT_DETACH);
  RemoveAll(base_);
}

// noauto_da_alloc: ext4 would sync files renamed over others of its own accord.
std::string Disk::MountImage() const {
  const std::string options = type_ == "ext4" ? "loop,noauto_da_alloc" : "loop,nouuid";
  return diff::RunCommand({"mount", "-o", options, image_, root_}) ? ""
                                                                   : "cannot mount the image of the disk";
}

void Disk::Renew() const {
  MakeUpper(root_);
  Sync();
}

void Disk::Sync() const {
  const int fd = open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  syncfs(fd);
  close(fd);
}

std::string Disk::CutPower(Cut cut) {
  const int fd = open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const uint32_t how = cut == Cut::kLogged ? kFlushLog : kFlushNothing;
  const bool stopped = ioctl(fd, kShutdown, &how) == 0;
  close(fd);
  if (!stopped) return std::string("cannot shut the disk down: ") + strerror(errno);
  for (int tries = 0; umount2(root_.c_str(), UMOUNT_NOFOLLOW) < 0; ++tries) {
    // The daemon that has just died lets go of it in its own time.
    if (errno != EBUSY || tries > 400) return std::string("cannot unmount the disk: ") + strerror(errno);
    usleep(5000);
  }
  return MountImage();
}

}  // namespace plyfs::crash
