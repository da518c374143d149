#include "tests/model/mount_client.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

namespace plyfs::model {
namespace {

constexpr long kFchmodat2 = 452;  // younger than the C library

Status Done(int result) {
  return result < 0 ? Status(LastErrno()) : OkStatus();
}

Sight SightOf(const struct stat& st) {
  Sight sight{TypeOf(st.st_mode),
              static_cast<uint32_t>(st.st_mode & 07777),
              st.st_uid,
              st.st_gid,
              major(st.st_rdev),
              minor(st.st_rdev),
              static_cast<uint32_t>(st.st_nlink),
              static_cast<uint64_t>(st.st_size)};
  if (sight.type == Type::kDir) sight.size = 0;
  return sight;
}

Result<std::string> ReadAll(int fd) {
  char data[4096];
  const ssize_t n = ::pread(fd, data, sizeof data, 0);
  if (n < 0) return LastErrno();
  return std::string(data, static_cast<size_t>(n));
}

}  // namespace

Status MountClient::Mount() {
  mount_ = program_.empty() ? test::LiveMount::Kernel(plan_, &why_)
                            : test::LiveMount::Program(program_, plan_, log_path_, &why_);
  if (mount_ == nullptr) return Errno(EINVAL);
  root_.reset(::open(plan_.mountpoint.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  return root_.get() < 0 ? Status(LastErrno()) : OkStatus();
}

bool MountClient::Unmount() {
  for (UniqueFd& fd : slots_) fd.reset();
  root_.reset();
  const bool in_order = mount_ == nullptr || mount_->Unmount(&why_);
  mount_.reset();
  return in_order;
}

Status MountClient::Remount() {
  if (!Unmount()) return Errno(EIO);
  return Mount();
}

Result<UniqueFd> MountClient::OpenDir(const Path& path) const {
  open_how how = {};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const char* at = path.empty() ? "." : path.c_str();
  const long fd = ::syscall(SYS_openat2, root_.get(), at, &how, sizeof how);
  if (fd < 0) return errno == ELOOP ? Errno(ENOTDIR) : LastErrno();
  return UniqueFd(static_cast<int>(fd));
}

Result<MountClient::Place> MountClient::Find(const Path& path) const {
  auto [parent, name] = SplitPath(path);
  PLY_TRY(UniqueFd dir, OpenDir(parent));
  return Place{std::move(dir), path.empty() ? "." : name};
}

Result<Type> MountClient::TypeAt(const Place& place) const {
  struct stat st;
  if (::fstatat(place.dir.get(), place.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) return LastErrno();
  return TypeOf(st.st_mode);
}

Result<Sight> MountClient::Stat(const Path& path) {
  PLY_TRY(Place place, Find(path));
  struct stat st;
  if (::fstatat(place.dir.get(), place.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) return LastErrno();
  return SightOf(st);
}

Result<Listing> MountClient::List(const Path& path) {
  PLY_TRY(UniqueFd dir, OpenDir(path));
  const int fd = ::openat(dir.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return LastErrno();
  DIR* stream = ::fdopendir(fd);
  Listing listing;
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") listing.emplace(name, TypeOf(DTTOIF(entry->d_type)));
    errno = 0;
  }
  const int error = errno;
  ::closedir(stream);
  if (error != 0) return Errno(error);
  return listing;
}

Result<std::string> MountClient::ReadFile(const Path& path) {
  PLY_TRY(Place place, Find(path));
  PLY_TRY(Type type, TypeAt(place));
  if (type != Type::kFile) return Errno(EINVAL);
  UniqueFd fd(::openat(place.dir.get(), place.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (fd.get() < 0) return LastErrno();
  return ReadAll(fd.get());
}

Result<std::string> MountClient::ReadLink(const Path& path) {
  PLY_TRY(Place place, Find(path));
  PLY_TRY(Type type, TypeAt(place));
  if (type != Type::kSymlink) return Errno(EINVAL);
  char target[4096];
  const ssize_t n = ::readlinkat(place.dir.get(), place.c_str(), target, sizeof target);
  if (n < 0) return LastErrno();
  return std::string(target, static_cast<size_t>(n));
}

Result<std::string> MountClient::GetXattr(const Path& path, const std::string& name) {
  PLY_TRY(Place place, Find(path));
  char value[4096];
  const ssize_t n = ::lgetxattr(place.ByPath().c_str(), name.c_str(), value, sizeof value);
  if (n < 0) return LastErrno();
  return std::string(value, static_cast<size_t>(n));
}

Result<std::vector<std::string>> MountClient::ListXattr(const Path& path) {
  PLY_TRY(Place place, Find(path));
  char list[4096];
  const ssize_t size = ::llistxattr(place.ByPath().c_str(), list, sizeof list);
  if (size < 0) return LastErrno();
  std::vector<std::string> names;
  for (ssize_t at = 0; at < size;) {
    const std::string name = list + at;
    at += static_cast<ssize_t>(name.size()) + 1;
    if (name.starts_with("user.") || name.starts_with("trusted.")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Status MountClient::Create(const Path& path, uint32_t mode) {
  PLY_TRY(Place place, Find(path));
  const UniqueFd fd(
      ::openat(place.dir.get(), place.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  return Done(fd.get());
}

Status MountClient::MakeDir(const Path& path, uint32_t mode) {
  PLY_TRY(Place place, Find(path));
  return Done(::mkdirat(place.dir.get(), place.c_str(), mode));
}

Status MountClient::MakeNode(const Path& path, Type type, uint32_t mode, uint32_t major, uint32_t minor) {
  PLY_TRY(Place place, Find(path));
  return Done(::mknodat(place.dir.get(), place.c_str(), TypeBits(type) | mode, makedev(major, minor)));
}

Status MountClient::Symlink(const std::string& target, const Path& path) {
  PLY_TRY(Place place, Find(path));
  return Done(::symlinkat(target.c_str(), place.dir.get(), place.c_str()));
}

Status MountClient::Link(const Path& from, const Path& to) {
  PLY_TRY(Place source, Find(from));
  PLY_CHECK(TypeAt(source));
  PLY_TRY(Place place, Find(to));
  return Done(::linkat(source.dir.get(), source.c_str(), place.dir.get(), place.c_str(), 0));
}

Status MountClient::Unlink(const Path& path) {
  PLY_TRY(Place place, Find(path));
  return Done(::unlinkat(place.dir.get(), place.c_str(), 0));
}

Status MountClient::RemoveDir(const Path& path) {
  PLY_TRY(Place place, Find(path));
  return Done(::unlinkat(place.dir.get(), place.c_str(), AT_REMOVEDIR));
}

Status MountClient::Rename(const Path& from, const Path& to, uint32_t flags) {
  if ((flags & RENAME_EXCHANGE) && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT))) return Errno(EINVAL);
  PLY_TRY(Place source, Find(from));
  PLY_TRY(Place place, Find(to));
  return Done(::renameat2(source.dir.get(), source.c_str(), place.dir.get(), place.c_str(), flags));
}

Status MountClient::Truncate(const Path& path, uint64_t size) {
  PLY_TRY(Place place, Find(path));
  PLY_TRY(Type type, TypeAt(place));
  if (type == Type::kDir) return Errno(EISDIR);
  if (type != Type::kFile) return Errno(EINVAL);
  return Done(::truncate(place.ByPath().c_str(), static_cast<off_t>(size)));
}

Status MountClient::Chmod(const Path& path, uint32_t mode) {
  PLY_TRY(Place place, Find(path));
  // glibc's fchmodat needs /proc for AT_SYMLINK_NOFOLLOW and says EOPNOTSUPP itself.
  return Done(
      static_cast<int>(::syscall(kFchmodat2, place.dir.get(), place.c_str(), mode, AT_SYMLINK_NOFOLLOW)));
}

Status MountClient::Chown(const Path& path, uint32_t uid, uint32_t gid) {
  PLY_TRY(Place place, Find(path));
  return Done(::fchownat(place.dir.get(), place.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW));
}

Status MountClient::SetXattr(const Path& path, const std::string& name, const std::string& value, int flags) {
  PLY_TRY(Place place, Find(path));
  return Done(::lsetxattr(place.ByPath().c_str(), name.c_str(), value.data(), value.size(), flags));
}

Status MountClient::RemoveXattr(const Path& path, const std::string& name) {
  PLY_TRY(Place place, Find(path));
  return Done(::lremovexattr(place.ByPath().c_str(), name.c_str()));
}

Result<int> MountClient::Slot(int slot) const {
  const int fd = slots_[static_cast<size_t>(slot)].get();
  if (fd < 0) return Errno(EBADF);
  return fd;
}

Status MountClient::Open(int slot, const Path& path, OpenHow how) {
  UniqueFd& fd = slots_[static_cast<size_t>(slot)];
  if (fd.get() >= 0) return Errno(EMFILE);
  PLY_TRY(Place place, Find(path));
  PLY_TRY(Type type, TypeAt(place));
  if (type != Type::kFile) return Errno(EINVAL);
  const int flags = (how.write ? O_RDWR : O_RDONLY) | (how.truncate ? O_TRUNC : 0) | O_NOFOLLOW | O_CLOEXEC;
  fd.reset(::openat(place.dir.get(), place.c_str(), flags));
  return Done(fd.get());
}

Status MountClient::TmpFile(int slot, const Path& dir, uint32_t mode) {
  UniqueFd& fd = slots_[static_cast<size_t>(slot)];
  if (fd.get() >= 0) return Errno(EMFILE);
  PLY_TRY(UniqueFd parent, OpenDir(dir));
  fd.reset(::openat(parent.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode));
  return Done(fd.get());
}

Status MountClient::Close(int slot) {
  PLY_TRY(int fd, Slot(slot));
  (void)fd;
  slots_[static_cast<size_t>(slot)].reset();
  return OkStatus();
}

Result<std::string> MountClient::ReadSlot(int slot) {
  PLY_TRY(int fd, Slot(slot));
  return ReadAll(fd);
}

Status MountClient::WriteSlot(int slot, uint64_t offset, const std::string& data) {
  PLY_TRY(int fd, Slot(slot));
  return Done(static_cast<int>(::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset))));
}

Status MountClient::TruncateSlot(int slot, uint64_t size) {
  PLY_TRY(int fd, Slot(slot));
  return Done(::ftruncate(fd, static_cast<off_t>(size)));
}

Result<Sight> MountClient::StatSlot(int slot) {
  PLY_TRY(int fd, Slot(slot));
  struct stat st;
  if (::fstat(fd, &st) < 0) return LastErrno();
  return SightOf(st);
}

Status MountClient::ChmodSlot(int slot, uint32_t mode) {
  PLY_TRY(int fd, Slot(slot));
  return Done(::fchmod(fd, mode));
}

Status MountClient::SetXattrSlot(int slot, const std::string& name, const std::string& value) {
  PLY_TRY(int fd, Slot(slot));
  return Done(::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0));
}

Status MountClient::LinkSlot(int slot, const Path& path) {
  PLY_TRY(int fd, Slot(slot));
  PLY_TRY(Place place, Find(path));
  return Done(::linkat(fd, "", place.dir.get(), place.c_str(), AT_EMPTY_PATH));
}

}  // namespace plyfs::model
