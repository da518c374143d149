// Overlay: what a client can do to a mounted union, by path, and what comes of it, as text that can be
// compared.
//
// Implemented by the model, by a client of the engine and by one of a real mount; one thread at a time uses
// one. Paths are relative to the root ("" is the root, "a/b"), hold no ".", ".." or empty component, and
// symlinks are never followed: one on the way is ENOTDIR.  Everything is done as root with umask 0.  What the
// kernel's VFS refuses before it asks a filesystem is refused by every implementation alike, with the VFS's
// errno.
#ifndef PLYFS_ENGINE_TESTING_OVERLAY_H_
#define PLYFS_ENGINE_TESTING_OVERLAY_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/result.h"

namespace plyfs::model {

using Path = std::string;

// What lies on the way to a path's last component, and that.
std::pair<Path, std::string> SplitPath(const Path& path);
Path JoinPath(const Path& dir, const std::string& name);
// Whether `path` lies below `dir`, or is it.
bool IsWithin(const Path& path, const Path& dir);

enum class Type { kFile, kDir, kSymlink, kFifo, kSocket, kChar, kBlock };
const char* TypeName(Type type);
// From and to the S_IFMT bits of a mode.
Type TypeOf(uint32_t mode);
uint32_t TypeBits(Type type);

struct Sight {
  Type type = Type::kFile;
  uint32_t mode = 0;  // permission bits
  uint32_t uid = 0, gid = 0;
  uint32_t major = 0, minor = 0;
  uint32_t links = 0;
  uint64_t size = 0;  // of files and symlinks
};
// "file 644 0:0 links 1 size 3".
std::string ToText(const Sight& sight);

// Name -> type, in the order of the names; without "." and "..".
using Listing = std::map<std::string, Type>;

// A path and what is there, in words.
using Tree = std::map<Path, std::string>;

// Open files live in slots; one that is empty is EBADF, and an open puts its file into an empty one (else it
// is EMFILE).
inline constexpr int kSlots = 3;

struct OpenHow {
  bool write = false;
  bool truncate = false;
};

class Overlay {
 public:
  virtual ~Overlay() = default;

  virtual Result<Sight> Stat(const Path& path) = 0;
  virtual Result<Listing> List(const Path& path) = 0;
  virtual Result<std::string> ReadFile(const Path& path) = 0;  // EINVAL: not a regular file
  virtual Result<std::string> ReadLink(const Path& path) = 0;
  virtual Result<std::string> GetXattr(const Path& path, const std::string& name) = 0;
  // Those of the namespaces user and trusted.
  virtual Result<std::vector<std::string>> ListXattr(const Path& path) = 0;

  virtual Status Create(const Path& path, uint32_t mode) = 0;
  virtual Status MakeDir(const Path& path, uint32_t mode) = 0;
  virtual Status MakeNode(const Path& path, Type type, uint32_t mode, uint32_t major, uint32_t minor) = 0;
  virtual Status Symlink(const std::string& target, const Path& path) = 0;
  virtual Status Link(const Path& from, const Path& to) = 0;
  virtual Status Unlink(const Path& path) = 0;
  virtual Status RemoveDir(const Path& path) = 0;
  virtual Status Rename(const Path& from, const Path& to, uint32_t flags) = 0;

  virtual Status Truncate(const Path& path, uint64_t size) = 0;  // EINVAL: not a regular file; EISDIR
  virtual Status Chmod(const Path& path, uint32_t mode) = 0;     // EOPNOTSUPP: a symlink
  virtual Status Chown(const Path& path, uint32_t uid, uint32_t gid) = 0;
  virtual Status SetXattr(const Path& path, const std::string& name, const std::string& value, int flags) = 0;
  virtual Status RemoveXattr(const Path& path, const std::string& name) = 0;

  virtual Status Open(int slot, const Path& path, OpenHow how) = 0;  // EINVAL: not a regular file
  virtual Status TmpFile(int slot, const Path& dir, uint32_t mode) = 0;
  virtual Status Close(int slot) = 0;
  virtual Result<std::string> ReadSlot(int slot) = 0;  // all of it
  virtual Status WriteSlot(int slot, uint64_t offset, const std::string& data) = 0;
  virtual Status TruncateSlot(int slot, uint64_t size) = 0;
  virtual Result<Sight> StatSlot(int slot) = 0;
  virtual Status ChmodSlot(int slot, uint32_t mode) = 0;
  virtual Status SetXattrSlot(int slot, const std::string& name, const std::string& value) = 0;
  virtual Status LinkSlot(int slot, const Path& path) = 0;

  // Whatever is cached and not in use may go: nobody may notice.
  virtual Status DropCaches() = 0;
  // Unmounts and mounts the same layers; open files are closed.
  virtual Status Remount() = 0;
};

// Names listed although nothing is there: a file may be a whiteout by an xattr that listings do not look at
// (X5). They come and go with what is known of a directory, so they are compared where nothing is: in a fresh
// mount.
enum class Ghosts { kShow, kHide };

// All that can be seen.  What is refused (L12, L13, L17) or not there says so.
Tree SeeTree(Overlay& overlay, Ghosts ghosts);

// Without link counts, which a copy-up changes whether or not what it was for is done (S6, S7).
std::string WithoutLinks(std::string text);
Tree SeeWithoutLinks(Overlay& overlay);

}  // namespace plyfs::model

#endif  // PLYFS_ENGINE_TESTING_OVERLAY_H_
