#include "engine/testing/layer_on_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <set>

#include "engine/testing/overlay_case.h"

namespace plyfs::model {
namespace {

bool IsDeviceWhiteout(const Object& object) {
  return object.type == Type::kChar && object.major == 0 && object.minor == 0;
}

// Z2, and what makes a file a record of its own mount.
bool MayDiffer(const std::string& xattr) {
  for (const char* record : {"overlay.impure", "overlay.uuid"}) {
    if (xattr == std::string("trusted.") + record || xattr == std::string("user.") + record) return true;
  }
  return false;
}

std::string Printable(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) text += byte == 0 ? std::string("\\0") : std::string(1, byte);
  return text;
}

std::string TextOf(const Object& object) {
  if (IsDeviceWhiteout(object)) return "whiteout";
  Sight sight{object.type,  object.mode,  object.uid,   object.gid,
              object.major, object.minor, object.links, object.data.size()};
  if (object.type == Type::kDir) sight.links = 0;
  std::string text = ToText(sight);
  for (const auto& [name, value] : object.xattrs) {
    if (MayDiffer(name)) continue;
    const bool origin = name.ends_with("ed.overlay.origin") || name == "user.overlay.origin";
    text += " " + name + (origin ? "" : "=" + Printable(value));
  }
  if (object.type == Type::kFile) text += " text " + Printable(object.data);
  if (object.type == Type::kSymlink) text += " to " + object.data;
  return text;
}

void TextInto(const Ref& dir, const Path& path, Tree* tree) {
  (*tree)[path] = TextOf(*dir);
  for (const auto& [name, entry] : dir->entries) TextInto(entry, JoinPath(path, name), tree);
}

int MakeOnDisk(const Object& object, const char* at) {
  switch (object.type) {
    case Type::kDir:
      return ::mkdir(at, 0700);
    case Type::kSymlink:
      return ::symlink(object.data.c_str(), at);
    case Type::kFile: {
      const int fd = ::open(at, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
      if (fd < 0) return -1;
      const bool written =
          ::write(fd, object.data.data(), object.data.size()) == static_cast<ssize_t>(object.data.size());
      ::close(fd);
      return written ? 0 : -1;
    }
    default:
      return ::mknod(at, TypeBits(object.type) | object.mode, makedev(object.major, object.minor));
  }
}

Status SetFileFlags(const char* at, int flags) {
  const int fd = ::open(at, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return LastErrno();
  const Status set = ::ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0 ? LastErrno() : OkStatus();
  ::close(fd);
  return set;
}

Status Dress(const Object& object, const char* at) {
  for (const auto& [name, value] : object.xattrs) {
    if (::lsetxattr(at, name.c_str(), value.data(), value.size(), 0) < 0) return LastErrno();
  }
  if ((object.uid != 0 || object.gid != 0) && ::lchown(at, object.uid, object.gid) < 0) return LastErrno();
  if (object.type != Type::kSymlink && ::chmod(at, object.mode) < 0) return LastErrno();
  // Long ago, so that a change of them shows.
  const struct timespec then[2] = {{1'000'000'000, 111'222'333}, {1'000'000'007, 444'555'666}};
  return ::utimensat(AT_FDCWD, at, then, AT_SYMLINK_NOFOLLOW) < 0 ? LastErrno() : OkStatus();
}

Status WriteInto(const Ref& dir, const std::string& at, std::map<const Object*, std::string>* written) {
  for (const auto& [name, entry] : dir->entries) {
    const std::string path = at + "/" + name;
    if (auto [it, first] = written->emplace(entry.get(), path); !first && entry->type != Type::kDir) {
      if (::link(it->second.c_str(), path.c_str()) < 0) return LastErrno();
      continue;
    }
    if (MakeOnDisk(*entry, path.c_str()) < 0) return LastErrno();
    if (entry->type == Type::kDir) PLY_CHECK(WriteInto(entry, path, written));
    PLY_CHECK(Dress(*entry, path.c_str()));
  }
  return OkStatus();
}

void ReadXattrs(const char* at, Object* object) {
  char names[4096], value[4096];
  const ssize_t size = ::llistxattr(at, names, sizeof names);
  for (ssize_t i = 0; i < size; i += static_cast<ssize_t>(std::string_view(names + i).size()) + 1) {
    const ssize_t n = ::lgetxattr(at, names + i, value, sizeof value);
    if (n >= 0) object->xattrs[names + i] = std::string(value, static_cast<size_t>(n));
  }
}

Status ReadData(const char* at, Object* object) {
  char data[4096];
  ssize_t n = 0;
  if (object->type == Type::kSymlink) {
    n = ::readlink(at, data, sizeof data);
  } else if (object->type == Type::kFile) {
    const int fd = ::open(at, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return LastErrno();
    n = ::read(fd, data, sizeof data);
    ::close(fd);
  }
  if (n < 0) return LastErrno();
  object->data.assign(data, static_cast<size_t>(n));
  return OkStatus();
}

Result<std::vector<std::string>> NamesIn(const std::string& dir) {
  DIR* stream = ::opendir(dir.c_str());
  if (stream == nullptr) return LastErrno();
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(stream);
  return names;
}

using Known = std::map<std::pair<dev_t, ino_t>, Ref>;

Result<Ref> ReadObject(const std::string& at, Known* known) {
  struct stat st;
  if (::lstat(at.c_str(), &st) < 0) return LastErrno();
  Ref& object = (*known)[{st.st_dev, st.st_ino}];
  if (object) return object;
  object = MakeObject(TypeOf(st.st_mode), st.st_mode & 07777);
  const Ref made = object;
  made->uid = st.st_uid;
  made->gid = st.st_gid;
  made->links = static_cast<uint32_t>(st.st_nlink);
  if (made->type == Type::kChar || made->type == Type::kBlock) {
    made->major = major(st.st_rdev);
    made->minor = minor(st.st_rdev);
  }
  ReadXattrs(at.c_str(), made.get());
  PLY_CHECK(ReadData(at.c_str(), made.get()));
  if (made->type != Type::kDir) return made;
  PLY_TRY(std::vector<std::string> names, NamesIn(at));
  for (const std::string& name : names) {
    PLY_TRY(made->entries[name], ReadObject(at + "/" + name, known));
  }
  return made;
}

Ref CopyObject(const Ref& object, std::map<const Object*, Ref>* copies) {
  Ref& copy = (*copies)[object.get()];
  if (copy) return copy;
  copy = std::make_shared<Object>(*object);
  const Ref made = copy;
  for (auto& [name, entry] : made->entries) entry = CopyObject(entry, copies);
  return made;
}

}  // namespace

Tree LayerText(const Ref& root) {
  Tree tree;
  TextInto(root, "", &tree);
  return tree;
}

Ref CopyOfLayer(const Ref& root) {
  std::map<const Object*, Ref> copies;
  return root ? CopyObject(root, &copies) : nullptr;
}

Status WriteLayer(const Ref& root, const std::string& dir) {
  std::map<const Object*, std::string> written;
  PLY_CHECK(WriteInto(root, dir, &written));
  // When all else is done, which they may forbid.
  for (const auto& [object, at] : written) {
    if (object->flags != 0) PLY_CHECK(SetFileFlags(at.c_str(), object->flags));
  }
  return Dress(*root, dir.c_str());
}

Result<Ref> ReadLayer(const std::string& dir) {
  Known known;
  return ReadObject(dir, &known);
}

void DropOpenOrigins(const Ref& model, const Ref& upper) {
  if (model->type != Type::kDir || upper->type != Type::kDir) return;
  if (model->given) {
    for (const char* record : {"trusted.overlay.origin", "user.overlay.origin"}) upper->xattrs.erase(record);
  }
  for (const auto& [name, entry] : model->entries) {
    auto it = upper->entries.find(name);
    if (it != upper->entries.end()) DropOpenOrigins(entry, it->second);
  }
}

void ClearDirectory(const std::string& dir) {
  Result<std::vector<std::string>> names = NamesIn(dir);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    const std::string path = dir + "/" + name;
    if (::unlink(path.c_str()) == 0) continue;
    (void)SetFileFlags(path.c_str(), 0);  // which may forbid it
    if (::unlink(path.c_str()) == 0) continue;
    ClearDirectory(path);
    (void)::rmdir(path.c_str());
  }
}

std::string Difference(const Tree& expected, const Tree& seen) {
  for (const auto& [path, text] : expected) {
    auto it = seen.find(path);
    if (it == seen.end()) return "/" + path + "\n  expected: " + text + "\n  seen:     nothing";
    if (it->second != text) return "/" + path + "\n  expected: " + text + "\n  seen:     " + it->second;
  }
  for (const auto& [path, text] : seen) {
    if (!expected.contains(path)) return "/" + path + "\n  expected: nothing\n  seen:     " + text;
  }
  return "";
}

std::string Neither(const std::string& what, const Tree& before, const Tree& after, const Tree& seen) {
  const std::string from_before = Difference(before, seen), from_after = Difference(after, seen);
  if (from_before.empty() || from_after.empty()) return "";
  return what + " neither as before: " + from_before + "\nnor as after: " + from_after;
}

}  // namespace plyfs::model
