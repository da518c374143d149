// Writing a World: the half of world.h that makes system calls.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/differential/dice.h"
#include "tests/differential/world.h"

namespace plyfs::diff {
namespace {

int ErrorOf(int rc) {
  return rc < 0 ? errno : 0;
}

int WriteFile(const Entry& entry, const std::string& path) {
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  int rc = 0;
  if (entry.sparse) {
    constexpr size_t kEnd = 5000;
    std::string bytes = Pattern(entry.content, kEnd);
    if (pwrite(fd, bytes.data(), kEnd, 0) < 0) rc = -1;
    if (pwrite(fd, bytes.data(), kEnd, static_cast<off_t>(entry.size - kEnd)) < 0) rc = -1;
  } else {
    std::string bytes = Pattern(entry.content, entry.size);
    if (write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) rc = -1;
  }
  int error = ErrorOf(rc);
  close(fd);
  return error;
}

int MakeObject(const Entry& e, const std::string& layer, const std::string& path) {
  switch (e.kind) {
    case EntryKind::kFile:
      return WriteFile(e, path);
    case EntryKind::kDir:
      return e.path.empty() ? 0 : ErrorOf(mkdir(path.c_str(), 0700));
    case EntryKind::kSymlink:
      return ErrorOf(symlink(e.target.c_str(), path.c_str()));
    case EntryKind::kLink:
      return ErrorOf(link((layer + "/" + e.target).c_str(), path.c_str()));
    case EntryKind::kFifo:
      return ErrorOf(mknod(path.c_str(), S_IFIFO | 0600, 0));
    case EntryKind::kSocket:
      return ErrorOf(mknod(path.c_str(), S_IFSOCK | 0600, 0));
    case EntryKind::kChar:
      return ErrorOf(mknod(path.c_str(), S_IFCHR | 0600, makedev(e.major, e.minor)));
    case EntryKind::kBlock:
      return ErrorOf(mknod(path.c_str(), S_IFBLK | 0600, makedev(e.major, e.minor)));
    case EntryKind::kWhiteout:
      return ErrorOf(mknod(path.c_str(), S_IFCHR, 0));
  }
  return EINVAL;
}

// A link or a whiteout has no attributes of its own; chown clears capabilities and setuid, so it comes first
// (C4).
int Dress(const Entry& e, const std::string& path, bool userxattr) {
  if (e.kind == EntryKind::kLink || e.kind == EntryKind::kWhiteout) return 0;
  if (lchown(path.c_str(), e.uid, e.gid) < 0) return errno;
  for (const auto& [name, value] : e.xattrs) {
    const std::string stored = userxattr ? InOtherFamily(name) : name;
    if (lsetxattr(path.c_str(), stored.c_str(), value.data(), value.size(), 0) < 0) {
      if (errno == EPERM && userxattr) continue;  // no user xattrs on symlinks and specials
      return errno;
    }
  }
  if (e.kind != EntryKind::kSymlink) {
    struct stat st;
    if (lstat(path.c_str(), &st) < 0) return errno;
    // An ACL's mask has taken the place of the group bits: leave them as they are.
    bool acl = false;
    for (const auto& xattr : e.xattrs) acl |= xattr.first == "system.posix_acl_access";
    mode_t mode = acl ? (st.st_mode & 0777) | (e.mode & 07000) : e.mode;
    if (chmod(path.c_str(), mode) < 0) return errno;
  }
  return 0;
}

int SetTimes(const Entry& e, const std::string& path) {
  if (e.kind == EntryKind::kLink || e.kind == EntryKind::kWhiteout) return 0;
  const timespec times[2] = {{e.atime, e.atime % 1000 * 1000 + 7}, {e.mtime, e.mtime * 999983 % 1000000000}};
  return ErrorOf(utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW));
}

// A redirect and the whiteout before it go together: one without the other would be the doubly claimed
// directory of L14, which no mount leaves behind.
bool Dropped(const World& world, const std::set<size_t>& dropped, size_t i) {
  if (world.entries[i].path.empty()) return false;
  if (dropped.count(i) != 0 || (world.entries[i].with_previous && dropped.count(i - 1) != 0)) return true;
  return i + 1 < world.entries.size() && world.entries[i + 1].with_previous && dropped.count(i + 1) != 0;
}

}  // namespace

bool MakeDirs(const std::string& base, int lowers, Dirs* dirs) {
  dirs->base = base;
  for (int i = 0; i < lowers; ++i) dirs->lowers.push_back(base + "/l" + std::to_string(i));
  dirs->upper = base + "/u";
  dirs->work = base + "/w";
  dirs->mount = base + "/m";
  std::vector<std::string> all = dirs->lowers;
  all.insert(all.end(), {dirs->upper, dirs->work, dirs->mount});
  for (const std::string& path : all) {
    if (mkdir(path.c_str(), 0755) < 0) return false;
  }
  return true;
}

std::string InOtherFamily(const std::string& name) {
  const std::string trusted = "trusted.overlay.", user = "user.overlay.";
  if (name.starts_with(trusted)) return user + name.substr(trusted.size());
  if (name.starts_with(user)) return trusted + name.substr(user.size());
  return name;
}

std::string WriteWorld(const World& world, const std::set<size_t>& dropped, const Dirs& dirs) {
  std::vector<const Entry*> made;
  for (size_t i = 0; i < world.entries.size(); ++i) {
    const Entry& entry = world.entries[i];
    if (Dropped(world, dropped, i)) continue;
    const std::string& layer = dirs.Layer(entry.layer);
    const std::string path = entry.path.empty() ? layer : layer + "/" + entry.path;
    int error = MakeObject(entry, layer, path);
    if (error == ENOENT) continue;  // what it stood in or was linked to has been dropped
    if (error == 0) error = Dress(entry, path, world.plan.userxattr);
    if (error != 0) return Describe(entry) + ": " + strerror(error);
    made.push_back(&entry);
  }
  // Children are made after their directory, so its times come last.
  for (auto it = made.rbegin(); it != made.rend(); ++it) {
    const std::string& layer = dirs.Layer((*it)->layer);
    int error = SetTimes(**it, (*it)->path.empty() ? layer : layer + "/" + (*it)->path);
    if (error != 0) return Describe(**it) + ": times: " + strerror(error);
  }
  return "";
}

}  // namespace plyfs::diff
