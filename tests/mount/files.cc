#include "tests/mount/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

namespace plyfs::test {
namespace {

int ErrorOf(int rc) {
  return rc < 0 ? errno : 0;
}

int WriteWith(const std::string& path, std::string_view data, int flags) {
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
  if (fd < 0) return errno;
  int error = 0;
  while (!data.empty() && error == 0) {
    ssize_t n = write(fd, data.data(), data.size());
    if (n < 0) {
      error = errno;
    } else {
      data.remove_prefix(static_cast<size_t>(n));
    }
  }
  if (close(fd) < 0 && error == 0) error = errno;
  return error;
}

int ReadAll(const std::string& path, std::string* out) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  char buffer[65536];
  ssize_t n = 0;
  while ((n = read(fd, buffer, sizeof buffer)) > 0) out->append(buffer, static_cast<size_t>(n));
  int error = n < 0 ? errno : 0;
  close(fd);
  return error;
}

int RemoveOne(const char* path, const struct stat*, int, struct FTW*) {
  return remove(path);
}

}  // namespace

int Write(const std::string& path, std::string_view data) {
  return WriteWith(path, data, O_TRUNC);
}
int Append(const std::string& path, std::string_view data) {
  return WriteWith(path, data, O_APPEND);
}

std::string Read(const std::string& path) {
  std::string data;
  int error = ReadAll(path, &data);
  if (error != 0) ADD_FAILURE() << "read " << path << ": " << strerror(error);
  return data;
}

int ReadError(const std::string& path) {
  std::string data;
  return ReadAll(path, &data);
}

int MakeDir(const std::string& path, mode_t mode) {
  return ErrorOf(mkdir(path.c_str(), mode));
}

int MakeDirs(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    int error = MakeDir(path.substr(0, slash));
    if (slash == std::string::npos) return error == EEXIST ? 0 : error;
    if (error != 0 && error != EEXIST) return error;
  }
}

int MakeSymlink(const std::string& target, const std::string& path) {
  return ErrorOf(symlink(target.c_str(), path.c_str()));
}

int MakeNode(const std::string& path, mode_t type_and_mode, unsigned major, unsigned minor) {
  return ErrorOf(mknod(path.c_str(), type_and_mode, makedev(major, minor)));
}

int MakeWhiteout(const std::string& path) {
  return MakeNode(path, S_IFCHR, 0, 0);
}
int MakeOpaque(const std::string& path) {
  return SetXattr(path, "trusted.overlay.opaque", "y");
}
int Remove(const std::string& path) {
  return ErrorOf(remove(path.c_str()));
}

int RemoveTree(const std::string& path) {
  // FTW_MOUNT: what a failed unmount left below must not be emptied.
  return ErrorOf(nftw(path.c_str(), RemoveOne, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT));
}

bool Exists(const std::string& path) {
  return StatError(path) == 0;
}

bool IsWhiteout(const std::string& path) {
  struct stat st;
  return lstat(path.c_str(), &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == 0;
}

struct stat Stat(const std::string& path) {
  struct stat st = {};
  if (lstat(path.c_str(), &st) < 0) ADD_FAILURE() << "stat " << path << ": " << strerror(errno);
  return st;
}

int StatError(const std::string& path) {
  struct stat st;
  return ErrorOf(lstat(path.c_str(), &st));
}

std::string ReadLink(const std::string& path) {
  char target[PATH_MAX];
  ssize_t n = readlink(path.c_str(), target, sizeof target);
  if (n < 0) ADD_FAILURE() << "readlink " << path << ": " << strerror(errno);
  return n < 0 ? "" : std::string(target, static_cast<size_t>(n));
}

std::vector<std::string> List(const std::string& path) {
  std::vector<std::string> names;
  DIR* dir = opendir(path.c_str());
  if (dir == nullptr) {
    ADD_FAILURE() << "opendir " << path << ": " << strerror(errno);
    return names;
  }
  errno = 0;
  while (dirent* entry = readdir(dir)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) ADD_FAILURE() << "readdir " << path << ": " << strerror(errno);
  closedir(dir);
  std::sort(names.begin(), names.end());
  return names;
}

int SetXattr(const std::string& path, const std::string& name, std::string_view value, int flags) {
  return ErrorOf(lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), flags));
}

int RemoveXattr(const std::string& path, const std::string& name) {
  return ErrorOf(lremovexattr(path.c_str(), name.c_str()));
}

std::string GetXattr(const std::string& path, const std::string& name, int* error) {
  std::string value(65536, '\0');
  ssize_t n = lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
  if (error != nullptr) *error = n < 0 ? errno : 0;
  value.resize(n < 0 ? 0 : static_cast<size_t>(n));
  return value;
}

std::vector<std::string> ListXattrs(const std::string& path) {
  std::string buffer(65536, '\0');
  ssize_t n = llistxattr(path.c_str(), buffer.data(), buffer.size());
  if (n < 0) ADD_FAILURE() << "listxattr " << path << ": " << strerror(errno);
  std::vector<std::string> names;
  for (ssize_t at = 0; at < n; at += static_cast<ssize_t>(names.back().size()) + 1) {
    names.emplace_back(buffer.data() + at);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace plyfs::test
