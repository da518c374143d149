#include "tests/differential/executor.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/stat.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>

#include "tests/differential/world.h"

namespace plyfs::diff {
namespace {

int ErrorOf(long rc) {
  return rc < 0 ? errno : 0;
}

// Effective ids of one user for the life of the object.  Real and saved ids stay root's, so that the way back
// is open.
class ActingAs {
 public:
  explicit ActingAs(const User& user) : changed_(user.uid != 0) {
    if (!changed_) return;
    if (setgroups(user.groups.size(), user.groups.data()) < 0 || setresgid(~0u, user.gid, ~0u) < 0 ||
        setresuid(~0u, user.uid, ~0u) < 0) {
      abort();
    }
  }
  ~ActingAs() {
    if (!changed_) return;
    if (setresuid(~0u, 0, ~0u) < 0 || setresgid(~0u, 0, ~0u) < 0 || setgroups(0, nullptr) < 0) abort();
  }
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;

 private:
  const bool changed_;
};

class WithUmask {
 public:
  explicit WithUmask(int64_t mask) : old_(umask(static_cast<mode_t>(mask))) {}
  ~WithUmask() { umask(old_); }
  WithUmask(const WithUmask&) = delete;
  WithUmask& operator=(const WithUmask&) = delete;

 private:
  const mode_t old_;
};

// What the system says of running the file.  It holds no program, so the best answer is ENOEXEC.
int Execute(const std::string& path) {
  char* const argv[] = {const_cast<char*>(path.c_str()), nullptr};
  char* const environment[] = {nullptr};
  pid_t child = 0;
  const int error = posix_spawn(&child, path.c_str(), nullptr, nullptr, argv, environment);
  if (error == 0) waitpid(child, nullptr, 0);
  return error;
}

std::string Parent(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

}  // namespace

Executor::Executor(std::string mount) : mount_(std::move(mount)) {
  fds_.fill(-1);
}
Executor::~Executor() {
  CloseAll();
}

void Executor::CloseSlot(int slot) {
  int& fd = fds_[static_cast<size_t>(slot)];
  if (fd >= 0) close(fd);
  fd = -1;
}

void Executor::CloseAll() {
  for (int slot = 0; slot < kSlots; ++slot) CloseSlot(slot);
}

std::string Executor::Full(const std::string& path) const {
  return path.empty() ? mount_ : mount_ + "/" + path;
}

Sight Executor::Look(const std::string& path) const {
  Sight sight;
  sight.subject = path.empty() ? "." : path;
  sight.error = ErrorOf(
      statx(AT_FDCWD, Full(path).c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &sight.stx));
  return sight;
}

Sight Executor::LookSlot(int slot) const {
  Sight sight;
  const int fd = fds_[static_cast<size_t>(slot)];
  sight.subject = "fd " + std::to_string(slot);
  sight.error = ErrorOf(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &sight.stx));
  char link[PATH_MAX];
  const ssize_t n = readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), link, sizeof link);
  if (n > 0)
    sight.deleted = std::string(link, static_cast<size_t>(n)).find(" (deleted)") != std::string::npos;
  return sight;
}

std::string Executor::WithoutSymlinks(const std::string& path) const {
  char real[PATH_MAX];
  const std::string parent = Parent(path);
  if (parent.empty() || realpath(Full(parent).c_str(), real) == nullptr) return path;
  const std::string found = real;
  if (found.compare(0, mount_.size(), mount_) != 0) return path;
  const std::string last = path.substr(path.rfind('/') + 1);
  return found.size() == mount_.size() ? last : found.substr(mount_.size() + 1) + "/" + last;
}

bool Executor::IsDir(const std::string& path) const {
  Sight sight = Look(path);
  return sight.error == 0 && S_ISDIR(sight.stx.stx_mode);
}

bool Executor::HasGhosts(const std::string& path) const {
  int fd = open(Full(path).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC);
  if (fd < 0) return false;
  std::vector<ListEntry> list;
  ListDirectory(fd, &list);
  close(fd);
  for (const ListEntry& entry : list) {
    if (Look(path.empty() ? entry.name : path + "/" + entry.name).error == ENOENT) return true;
  }
  return false;
}

bool Executor::IsEmptyMerge(const std::string& path) const {
  int fd = open(Full(path).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC);
  if (fd < 0) return false;
  struct stat st = {};
  std::vector<ListEntry> list;
  const bool merged = fstat(fd, &st) == 0 && st.st_nlink == 1;  // S7
  ListDirectory(fd, &list);
  close(fd);
  return merged && list.empty();
}

std::vector<Sight> Executor::Watch(const Step& step) const {
  std::vector<Sight> seen;
  if (UsesSlot(step.op) && SlotOpen(step.slot)) seen.push_back(LookSlot(step.slot));
  if (step.op == Op::kCopyRange && SlotOpen(step.slot2)) seen.push_back(LookSlot(step.slot2));
  if (step.op >= Op::kRemount) return seen;
  if (!UsesSlot(step.op) || step.op == Op::kLinkat) {
    seen.push_back(Look(step.path));
    if (!step.path.empty()) seen.push_back(Look(Parent(step.path)));
  }
  if (!step.path2.empty()) {
    seen.push_back(Look(step.path2));
    seen.push_back(Look(Parent(step.path2)));
  }
  return seen;
}

Outcome Executor::Run(const Step& step) {
  Outcome out;
  if (step.watch) out.before = Watch(step);
  {
    ActingAs user(Users()[static_cast<size_t>(step.user)]);
    out.error = Act(step, &out);
  }
  out.after = Watch(step);
  if (step.op == Op::kOpen || step.op == Op::kTmpfile) {
    if (out.error == 0) out.after.push_back(LookSlot(step.slot));
  }
  for (ListEntry& entry : out.list) {
    const std::string path = step.path.empty() ? entry.name : step.path + "/" + entry.name;
    entry.error = Look(path).error;
    entry.ghost = entry.error == ENOENT;
  }
  return out;
}

int Executor::Act(const Step& step, Outcome* out) {
  if (UsesSlot(step.op)) {
    const int fd = fds_[static_cast<size_t>(step.slot)];
    out->no_slot = fd < 0;
    if (fd < 0) return EBADF;
    out->read_only_fd = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
    return ActOnSlot(step, fd, out);
  }
  if (step.op == Op::kOpen || step.op == Op::kTmpfile) return Open(step);
  if (step.op <= Op::kRename) return ActOnNames(step);
  return ActOnAttributes(step, out);
}

int Executor::ActOnNames(const Step& step) {
  WithUmask mask(step.b);
  const std::string path = Full(step.path), path2 = Full(step.path2);
  switch (step.op) {
    case Op::kCreate: {
      int fd = open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, static_cast<mode_t>(step.a));
      if (fd >= 0) close(fd);
      return ErrorOf(fd);
    }
    case Op::kMkdir:
      return ErrorOf(mkdir(path.c_str(), static_cast<mode_t>(step.a)));
    case Op::kMknod:
      return ErrorOf(mknod(path.c_str(), static_cast<mode_t>(step.a),
                           makedev(static_cast<unsigned>(step.c >> 8), static_cast<unsigned>(step.c & 255))));
    case Op::kSymlink:
      return ErrorOf(symlink(step.value.c_str(), path.c_str()));
    case Op::kLink:
      return ErrorOf(link(path.c_str(), path2.c_str()));
    case Op::kUnlink:
      return ErrorOf(unlink(path.c_str()));
    case Op::kRmdir:
      return ErrorOf(rmdir(path.c_str()));
    default:
      return ErrorOf(
          renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, path2.c_str(), static_cast<unsigned>(step.a)));
  }
}

int Executor::Open(const Step& step) {
  // O_NONBLOCK: a FIFO without its other end must not stop the run.
  int flags = static_cast<int>(step.a) | O_NONBLOCK | O_CLOEXEC;
  mode_t mode = 0666;
  if (step.op == Op::kTmpfile) {
    flags = O_TMPFILE | O_RDWR | O_CLOEXEC | static_cast<int>(step.b);
    mode = static_cast<mode_t>(step.a);
  }
  CloseSlot(step.slot);
  const int fd = open(Full(step.path).c_str(), flags, mode);
  fds_[static_cast<size_t>(step.slot)] = fd;
  return ErrorOf(fd);
}

int Executor::ActOnAttributes(const Step& step, Outcome* out) {
  const std::string path = Full(step.path);
  const timespec times[2] = {StepTime(step.a), StepTime(step.b)};
  const char* const acl = step.c != 0 ? "system.posix_acl_default" : "system.posix_acl_access";
  switch (step.op) {
    case Op::kChmod:
      return ErrorOf(chmod(path.c_str(), static_cast<mode_t>(step.a)));
    case Op::kChown:
      return ErrorOf(lchown(path.c_str(), static_cast<uid_t>(step.a), static_cast<gid_t>(step.b)));
    case Op::kUtimens:
      return ErrorOf(utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW));
    case Op::kTruncate:
      return ErrorOf(truncate(path.c_str(), step.a));
    case Op::kSetxattr:
      return ErrorOf(lsetxattr(path.c_str(), step.name.c_str(), step.value.data(), step.value.size(),
                               static_cast<int>(step.a)));
    case Op::kRemovexattr:
      return ErrorOf(lremovexattr(path.c_str(), step.name.c_str()));
    case Op::kSetAcl: {
      const std::string value = AclValue(static_cast<mode_t>(step.a), 1001, static_cast<unsigned>(step.b));
      return ErrorOf(lsetxattr(path.c_str(), acl, value.data(), value.size(), 0));
    }
    case Op::kRemoveAcl:
      return ErrorOf(lremovexattr(path.c_str(), acl));
    case Op::kAccess:
      return ErrorOf(faccessat(AT_FDCWD, path.c_str(), static_cast<int>(step.a), AT_EACCESS));
    case Op::kReaddir:
      return ReadDirectory(step, out);
    case Op::kExec:
      return Execute(path);
    default:
      break;
  }
  char bytes[65536];
  const size_t room = step.a > 0 ? static_cast<size_t>(step.a) : sizeof bytes;
  ssize_t n = 0;
  if (step.op == Op::kGetxattr) {
    n = lgetxattr(path.c_str(), step.name.c_str(), bytes, room);
  } else if (step.op == Op::kReadlink) {
    n = readlink(path.c_str(), bytes, sizeof bytes);
  } else if (step.op == Op::kListxattr) {
    std::map<std::string, std::string> xattrs;
    n = llistxattr(path.c_str(), step.a < 0 ? nullptr : bytes, step.a < 0 ? 0 : room);
    if (n >= 0) ReadXattrs(path, &xattrs);
    for (const auto& [name, value] : xattrs) out->data += name + "=" + Digest(value) + " ";
    if (step.a < 0 && !IsDir(step.path)) out->data += "size " + std::to_string(n);  // D11
    return ErrorOf(n);
  } else if (step.op == Op::kStatfs) {
    struct statvfs vfs;
    if (statvfs(path.c_str(), &vfs) < 0) return errno;
    out->data = "namelen " + std::to_string(vfs.f_namemax) + " ro " + std::to_string(vfs.f_flag & ST_RDONLY);
    return 0;
  }
  if (n >= 0) out->data = std::string(bytes, static_cast<size_t>(n));
  return ErrorOf(n);
}

}  // namespace plyfs::diff
