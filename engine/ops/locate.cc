#include "engine/ops/locate.h"

#include <fcntl.h>

#include <vector>

#include "engine/base/asked_layer.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/indexed.h"
#include "engine/layer/object.h"
#include "engine/ops/name_change.h"
#include "engine/ops/orphan.h"

namespace plyfs {
namespace {

// Special files must not block or act on being opened (C16); regular files do not mind.  O_PATH opens
// nothing, and openat2 refuses other flags beside it.
int Harmless(int flags) {
  return flags & O_PATH ? flags : flags | O_NONBLOCK | O_NOCTTY;
}

Status CheckIdentity(int fd, const ObjectId& expected) {
  PLY_TRY(struct statx st, sys::StatxFd(fd));
  return ObjectIdOf(st) == expected ? OkStatus() : Status(Errno(ESTALE));
}

// How another kind of object than the one looked for refuses to be opened: a whiteout has no driver, nobody
// reads a fifo, a directory is not written.
bool IsSomethingElse(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case ENXIO:
    case ENODEV:
    case EISDIR:
      return true;
    default:
      return false;
  }
}

Result<UniqueFd> OpenChecked(Result<UniqueFd> opened, const ObjectId& expected) {
  if (IsSomethingElse(opened.error())) return Errno(ESTALE);
  if (!opened.ok()) return opened;
  PLY_CHECK(CheckIdentity(opened->get(), expected));
  return opened;
}

// The names from the root's child down to `dir`, or nothing when an ancestor has lost its name.
std::optional<std::vector<std::string>> Components(const InodeRef& dir) {
  std::vector<std::string> names;
  InodeRef at = dir;
  while (at->id() != kRootNode) {
    std::optional<InodeName> name = at->AnyName();
    if (!name) return std::nullopt;
    names.push_back(std::move(name->name));
    at = name->parent;
  }
  return std::vector<std::string>(names.rbegin(), names.rend());
}

Result<UniqueFd> WalkUpper(const Layer& upper, const std::vector<std::string>& names) {
  std::string path = ".";
  for (const std::string& name : names) {
    path += '/';
    path += name;
  }
  return upper.OpenAt(path, O_PATH | O_DIRECTORY);
}

// What keeps a nameless object, if this is one.
std::shared_ptr<const Orphan> KeeperOf(const Inode& inode) {
  if (!inode.unlinked()) return nullptr;
  return std::static_pointer_cast<const Orphan>(inode.keeper());
}

Result<SharedFd> FindUpperDir(Parts& parts, const InodeRef& dir) {
  if (auto keeper = KeeperOf(*dir)) {
    PLY_TRY(UniqueFd fd, keeper->Open(O_PATH | O_DIRECTORY));
    return Share(std::move(fd));
  }
  auto names = Components(dir);
  if (!names) return Errno(ESTALE);
  PLY_TRY(UniqueFd fd, OpenChecked(WalkUpper(*parts.stack->upper(), *names), dir->upper()));
  SharedFd shared = Share(std::move(fd));
  parts.dir_fds.Put(dir->id(), shared);
  return shared;
}

// Some directory on the way was changed by hand, it is not known which.
void ForgetPath(Parts& parts, InodeRef dir) {
  while (std::optional<InodeName> name = dir->AnyName()) {
    ForgetName(parts, name->parent, Name::Trusted(name->name));
    dir = name->parent;
  }
}

Result<UniqueFd> OpenUpperOnce(Parts& parts, const InodeRef& inode, int flags) {
  if (auto keeper = KeeperOf(*inode)) return keeper->Open(flags);
  ObjectId expected = inode->upper();
  for (const InodeName& name : inode->Names()) {
    if (!name.parent->is_upper()) continue;
    Result<SharedFd> parent = UpperDir(parts, name.parent);
    if (parent.error() == ESTALE) continue;
    if (!parent.ok()) return parent.status();
    Result<UniqueFd> fd =
        OpenChecked(sys::OpenBeneath((*parent)->get(), name.name.c_str(), Harmless(flags)), expected);
    if (fd.error() != ESTALE) return fd;
  }
  return Errno(ESTALE);
}

}  // namespace

Result<InodeRef> FindNode(Parts& parts, NodeId id) {
  InodeRef inode = parts.tree.inodes.Find(id);
  if (!inode) return Errno(ESTALE);
  return inode;
}

Result<InodeRef> FindDir(Parts& parts, NodeId id) {
  PLY_TRY(InodeRef inode, FindNode(parts, id));
  if (!inode->is_dir()) return Errno(ENOTDIR);
  return inode;
}

Result<SharedFd> UpperDir(Parts& parts, const InodeRef& dir) {
  AskedLayer::Note(kUpper);
  if (SharedFd cached = parts.dir_fds.Find(dir->id())) return cached;
  Result<SharedFd> found = FindUpperDir(parts, dir);
  if (found.error() != ESTALE) return found;
  // A directory on the way was being renamed or removed: once more when none is.
  Exclusion::Hold still = parts.moves.Acquire(MoveKey(*dir));
  found = FindUpperDir(parts, dir);
  if (found.error() == ESTALE) ForgetPath(parts, dir);
  return found;
}

Result<UniqueFd> OpenUpper(Parts& parts, const InodeRef& inode, int flags) {
  if (inode->is_dir()) {
    PLY_TRY(SharedFd dir, UpperDir(parts, inode));
    return sys::OpenBeneath(dir->get(), ".", flags | O_DIRECTORY);
  }
  Result<UniqueFd> fd = OpenUpperOnce(parts, inode, flags);
  if (fd.error() != ESTALE) return fd;
  // It was being renamed or removed: once more when it is not.
  Exclusion::Hold still = parts.moves.Acquire(MoveKey(*inode));
  fd = OpenUpperOnce(parts, inode, flags);
  if (fd.error() == ESTALE) {
    for (const InodeName& name : inode->Names()) ForgetName(parts, name.parent, Name::Trusted(name.name));
  }
  return fd;
}

Result<UniqueFd> OpenLower(Parts& parts, const LowerAnchor& anchor, int flags) {
  const Layer& layer = parts.stack->lower(anchor.layer);
  if (flags & O_PATH) return OpenChecked(layer.OpenAt(anchor.path, flags), anchor.object);
  Result<UniqueFd> fd = layer.OpenAt(anchor.path, Harmless(flags) | O_NOATIME);
  if (fd.error() == EPERM) fd = layer.OpenAt(anchor.path, Harmless(flags));  // not the owner of the file
  return OpenChecked(std::move(fd), anchor.object);
}

Result<UniqueFd> OpenTopDir(Parts& parts, const InodeRef& dir, int flags) {
  if (dir->is_upper()) return OpenUpper(parts, dir, flags);
  DirLowers lowers = dir->lowers();
  if (lowers.empty()) return Errno(ESTALE);
  return parts.stack->lower(lowers.layer(0)).OpenAt(lowers.path(0), flags | O_DIRECTORY);
}

Result<UniqueFd> OpenObject(Parts& parts, const InodeRef& inode, int flags) {
  if (inode->is_dir()) return OpenTopDir(parts, inode, flags);
  if (inode->is_upper()) return OpenUpper(parts, inode, flags);
  if (auto keeper = KeeperOf(*inode)) return keeper->Open(Harmless(flags));
  return OpenLower(parts, inode->lower(), flags);
}

Result<UniqueFd> OpenData(Parts& parts, const InodeRef& inode, int flags) {
  LowerAnchor data = inode->data();
  if (!data.exists()) return OpenObject(parts, inode, flags);
  if (data.object.known()) return OpenLower(parts, data, flags);
  // In the data-only layers: looked for when it is first needed (L20).
  PLY_TRY(LowerAnchor found, FindInDataLayers(*parts.stack, data.path.ToString()));
  return OpenLower(parts, found, flags);
}

LowerAnchor VisibleLower(const Inode& inode) {
  if (inode.is_upper()) return LowerAnchor();
  if (!inode.is_dir()) return inode.lower();
  DirLowers lowers = inode.lowers();
  return lowers.empty() ? LowerAnchor() : LowerAnchor{lowers.layer(0), lowers.path(0), lowers.top};
}

std::optional<IndexFile::Held> FindIndexed(Parts& parts, const Inode& inode) {
  return FindIndexed(*parts.stack, VisibleLower(inode));
}

std::vector<LowerMember> MembersOf(const Inode& dir) {
  DirLowers lowers = dir.lowers();
  std::vector<LowerMember> members;
  members.reserve(lowers.size());
  for (size_t i = 0; i < lowers.size(); ++i) {
    members.push_back(LowerMember{lowers.layer(i), lowers.path(i)});
  }
  return members;
}

DirLowers LowersOf(Parts& parts, std::vector<LowerMember> members) {
  DirLowers lowers;
  if (members.empty()) return lowers;
  std::vector<LayerId> layers;
  layers.reserve(members.size());
  for (size_t i = 0; i < members.size(); ++i) {
    layers.push_back(members[i].layer);
    if (i == 0 || !(members[i].path == lowers.runs.back().path)) {
      lowers.runs.push_back(DirLowers::Run{i, std::move(members[i].path)});
    }
  }
  lowers.layers = parts.tree.layer_sets.Intern(std::move(layers));
  return lowers;
}

}  // namespace plyfs
