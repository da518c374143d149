#include "tests/differential/outcome.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

namespace plyfs::diff {
namespace {

// Small on purpose: a listing then takes several getdents calls, each going on from a cookie.
constexpr size_t kDirentBuffer = 512;

std::string ReadFile(const std::string& path) {
  // A FIFO or a device must never block the run; only regular files come here, this is the second belt.
  int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return std::string("open: ") + strerror(errno);
  std::string bytes;
  char buffer[65536];
  ssize_t n = 0;
  while ((n = read(fd, buffer, sizeof buffer)) > 0) bytes.append(buffer, static_cast<size_t>(n));
  const int error = n < 0 ? errno : 0;
  close(fd);
  return error != 0 ? std::string("read: ") + strerror(error) : Digest(bytes);
}

std::string ReadTarget(const std::string& path) {
  char target[PATH_MAX];
  ssize_t n = readlink(path.c_str(), target, sizeof target);
  return n < 0 ? std::string("readlink: ") + strerror(errno) : std::string(target, static_cast<size_t>(n));
}

class Walker {
 public:
  explicit Walker(const std::string& root) : root_(root) {}

  Snapshot Walk() {
    Visit("", ListEntry{});
    return std::move(out_);
  }

 private:
  void Visit(const std::string& path, const ListEntry& listed) {
    const std::string full = path.empty() ? root_ : root_ + "/" + path;
    Node node;
    node.d_ino = listed.ino;
    node.d_type = listed.type;
    node.sight.subject = path;
    if (statx(AT_FDCWD, full.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &node.sight.stx) <
        0) {
      node.sight.error = errno;
      node.ghost = errno == ENOENT;
      out_[path] = std::move(node);
      return;
    }
    const mode_t mode = node.sight.stx.stx_mode;
    if (S_ISREG(mode)) node.data = ReadFile(full);
    if (S_ISLNK(mode)) node.data = ReadTarget(full);
    std::string error = ReadXattrs(full, &node.xattrs);
    if (!error.empty()) node.xattrs["error"] = error;
    if (S_ISDIR(mode)) VisitChildren(path, full, &node);
    out_[path] = std::move(node);
  }

  void VisitChildren(const std::string& path, const std::string& full, Node* node) {
    int fd = open(full.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    std::vector<ListEntry> list;
    const int error = fd < 0 ? errno : ListDirectory(fd, &list);
    if (fd >= 0) close(fd);
    node->list_error = error;
    if (error != 0) node->data = std::string("readdir: ") + strerror(error);
    for (size_t i = 0; i < list.size(); ++i) {
      if (i > 0 && list[i].name == list[i - 1].name) node->data += " listed twice: " + list[i].name;
      Visit(path.empty() ? list[i].name : path + "/" + list[i].name, list[i]);
    }
  }

  const std::string root_;
  Snapshot out_;
};

}  // namespace

std::string Digest(const std::string& bytes) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  char text[64];
  snprintf(text, sizeof text, "%zu bytes %016llx", bytes.size(), static_cast<unsigned long long>(hash));
  return text;
}

std::string ReadXattrs(const std::string& path, std::map<std::string, std::string>* out) {
  char names[65536];
  ssize_t n = llistxattr(path.c_str(), names, sizeof names);
  if (n < 0) return std::string("listxattr: ") + strerror(errno);
  for (const char* name = names; name < names + n; name += strlen(name) + 1) {
    char value[65536];
    ssize_t size = lgetxattr(path.c_str(), name, value, sizeof value);
    (*out)[name] = size < 0 ? std::string("getxattr: ") + strerror(errno)
                            : std::string(value, static_cast<size_t>(size));
  }
  return "";
}

int ListDirectory(int fd, std::vector<ListEntry>* out) {
  alignas(dirent64) char buffer[kDirentBuffer];
  ssize_t n = 0;
  while ((n = getdents64(fd, buffer, sizeof buffer)) > 0) {
    for (ssize_t at = 0; at < n;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      const std::string name = entry->d_name;
      if (name != "." && name != "..") out->push_back({name, entry->d_type, entry->d_ino});
    }
  }
  if (n < 0) return errno;
  std::sort(out->begin(), out->end());
  return 0;
}

bool IsBeneath(const std::string& path, const std::set<std::string>& dirs) {
  if (dirs.contains("")) return true;
  for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (dirs.contains(path.substr(0, slash))) return true;
  }
  return false;
}

Snapshot TakeSnapshot(const std::string& root) {
  return Walker(root).Walk();
}

}  // namespace plyfs::diff
