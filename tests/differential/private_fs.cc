#include "tests/differential/private_fs.h"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

extern char** environ;  // NOLINT: POSIX's name

namespace plyfs::diff {
namespace {

constexpr off_t kImageSize = 1024L * 1024 * 1024;  // sparse

std::vector<std::string> MkfsCommand(const std::string& type, const std::string& image) {
  // No journal: nothing here is to survive a crash, and a fsync a copy-up is what the time goes into.
  if (type == "ext4") return {"mkfs.ext4", "-q", "-O", "^has_journal", "-E", "lazy_itable_init=1", image};
  return {"mkfs." + type, "-q", image};
}

}  // namespace

bool RunCommand(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_t pid = 0;
  int status = 0;
  return posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ) == 0 &&
         waitpid(pid, &status, 0) == pid && status == 0;
}

bool HaveOwnMounts() {
  // Not private: what others unmount is to go here too.
  return unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0;
}

std::unique_ptr<PrivateFs> PrivateFs::Make(const std::string& type, std::string* error) {
  std::string mount = "/tmp/plyfs-diff-XXXXXX";
  if (mkdtemp(mount.data()) == nullptr) {
    *error = mount + ": " + strerror(errno);
    return nullptr;
  }
  const std::string where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  const std::string image = type == "tmpfs" ? "" : where + mount.substr(mount.rfind('/')) + ".img";
  // From here on the destructor takes back what has been made.
  std::unique_ptr<PrivateFs> fs(new PrivateFs(image, mount));
  bool fine = false;
  if (type == "tmpfs") {
    fine = ::mount("plyfs-diff", mount.c_str(), "tmpfs", 0, nullptr) == 0;
  } else {
    const int fd = open(image.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    fine = fd >= 0 && ftruncate(fd, kImageSize) == 0;
    if (fd >= 0) close(fd);
    fine = fine && RunCommand(MkfsCommand(type, image)) && RunCommand({"mount", "-o", "loop", image, mount});
  }
  if (!fine || chmod(mount.c_str(), 0755) < 0) {
    *error = "cannot make a private " + type + " (give --dir DIR on a filesystem that can be an upper)";
    return nullptr;
  }
  return fs;
}

PrivateFs::~PrivateFs() {
  if (umount2(mount_.c_str(), 0) < 0 && errno == EBUSY) umount2(mount_.c_str(), MNT_DETACH);
  if (!image_.empty()) unlink(image_.c_str());
  rmdir(mount_.c_str());
}

}  // namespace plyfs::diff
