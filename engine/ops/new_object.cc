#include "engine/ops/new_object.h"

#include <fcntl.h>

#include "engine/base/planted.h"
#include "engine/format/acl.h"
#include "engine/format/file_type.h"
#include "engine/format/mode_rules.h"
#include "engine/format/whiteout_names.h"
#include "engine/io/sys_creds.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_owner.h"
#include "engine/io/sys_stat.h"
#include "engine/io/sys_xattr.h"
#include "engine/layer/object.h"
#include "engine/layer/scan.h"
#include "engine/ops/copy_up.h"
#include "engine/ops/guard.h"
#include "engine/ops/locate.h"
#include "engine/ops/name_change.h"
#include "engine/ops/resolve.h"
#include "engine/ops/stat_inode.h"

namespace plyfs {
namespace {

Status MustBeAbsent(Parts& parts, const InodeRef& dir, Name name) {
  if (dir->unlinked()) return Errno(ENOENT);
  PLY_TRY(InodeRef there, Resolve(parts, dir, name));
  return there ? Status(Errno(EEXIST)) : OkStatus();
}

// The default ACL that the directory gives on; nothing where it has none.
Result<std::optional<Acl>> DefaultAcl(int dir) {
  Result<std::string> value = sys::GetXattr(dir, "system.posix_acl_default");
  if (value.error() == ENODATA || value.error() == EOPNOTSUPP) return std::optional<Acl>();
  if (!value.ok()) return value.status();
  PLY_TRY(Acl acl, ParseAcl(*value));
  if (acl.empty()) return std::optional<Acl>();
  return std::optional<Acl>(std::move(acl));
}

// In its own directory the filesystem itself applies umask, set-group-id and default ACL.
Status MakeInPlace(const Caller& caller, const FreeName& place, Name name, const NewObject& object) {
  PLY_CHECK(sys::ThreadUmask(caller.umask));
  sys::ScopedFsIds ids(caller.uid, caller.gid);
  PLY_CHECK(ids.status());
  return object.make(place.upper->get(), name.str().c_str(), object.mode);
}

// In W/work nothing is inherited from the right directory, so it is done here (fs/overlayfs/dir.c:
// ovl_create_over_whiteout).
Status MakeStaged(Parts& parts, const Caller& caller, const FreeName& place, const NewObject& object,
                  const WorkTemp& temp) {
  PLY_TRY(struct statx dir, sys::StatxFd(place.upper->get()));
  PLY_TRY(std::optional<Acl> inherited_acl, DefaultAcl(place.upper->get()));
  uint32_t mode = object.mode;
  InheritedAcl acl{};
  if (inherited_acl && object.type != S_IFLNK) {
    PLY_TRY(acl, InheritAcl(*inherited_acl, object.type | mode));
    mode = acl.mode & 07777;
    if (object.type != S_IFDIR) acl.default_acl.reset();
  } else {
    mode &= ~caller.umask;
  }
  NewOwner owner = OwnerOfNew(object.type | mode, caller.gid, dir.stx_mode, dir.stx_gid, /*in_group=*/true);
  PLY_CHECK(sys::ThreadUmask(0));
  {
    sys::ScopedFsIds ids(caller.uid, owner.gid);
    PLY_CHECK(ids.status());
    PLY_CHECK(object.make(temp.dir(), temp.name(), owner.mode & 07777));
  }
  PLY_TRY(UniqueFd made, sys::OpenBeneath(temp.dir(), temp.name(), O_PATH));
  if (object.type != S_IFLNK) PLY_CHECK(sys::Chmod(made.get(), owner.mode & 07777));
  if (acl.default_acl) {
    PLY_CHECK(sys::SetXattr(made.get(), "system.posix_acl_default", ComposeAcl(*acl.default_acl)));
  }
  if (acl.access) PLY_CHECK(sys::SetXattr(made.get(), "system.posix_acl_access", ComposeAcl(*acl.access)));
  if (object.type == S_IFDIR && !Planted(Plant::kMkdir)) {
    PLY_CHECK(MarkOpaque(parts, made.get()));  // N4, N6
  }
  return OkStatus();
}

}  // namespace

Status CheckNewName(const Parts& parts, Name name) {
  const bool whiteout = parts.records.read_whiteout_names() && IsWhiteoutName(name.bytes());
  return whiteout ? Status(Errno(EINVAL)) : OkStatus();
}

Status CheckFreeName(Parts& parts, const InodeRef& dir, Name name) {
  PLY_CHECK(CheckNewName(parts, name));
  PLY_CHECK(MustBeAbsent(parts, dir, name));
  return MayAddTo(parts, dir);
}

Result<FreeName> TakeFreeName(Parts& parts, const InodeRef& dir, Name name) {
  PLY_CHECK(CheckFreeName(parts, dir, name));
  PLY_CHECK(CopyUp(parts, dir));
  FreeName place;
  place.hold = parts.dir_changes.Acquire(dir->id());
  place.dir = dir;
  PLY_CHECK(MustBeAbsent(parts, dir, name));
  place.trust = Trust{dir->watch_word()};
  PLY_TRY(place.upper, UpperDir(parts, dir));
  return place;
}

Status LookAtUpper(Parts& parts, FreeName& place, Name name) {
  Result<struct statx> there = sys::Statx(place.upper->get(), name.str().c_str());
  if (there.error() == ENOENT) return OkStatus();
  if (!there.ok()) return there.status();
  PLY_TRY(place.whiteout, IsWhiteoutAt(place.upper->get(), name.str().c_str(), *there, parts.records));
  if (place.whiteout) return OkStatus();
  // Put there by hand since the name was looked up: it is never overwritten (U3, U10).
  ForgetName(parts, place.dir, name);
  PLY_CHECK(MustBeAbsent(parts, place.dir, name));
  return Errno(ESTALE);
}

Status PlaceNew(Parts& parts, const Caller& caller, FreeName& place, Name name, const NewObject& object) {
  if (!object.opaque) {
    // Mostly nothing is there, and one call both sees that and makes it.
    Status made = MakeInPlace(caller, place, name, object);
    if (made.error() != EEXIST) return made;
  }
  PLY_CHECK(LookAtUpper(parts, place, name));
  if (!place.whiteout && !object.opaque) return MakeInPlace(caller, place, name, object);
  WorkTemp temp(*parts.work);
  PLY_CHECK(MakeStaged(parts, caller, place, object, temp));
  return MoveIntoPlace(place, name, std::move(temp), object.type == S_IFDIR);
}

Status MoveIntoPlace(const FreeName& place, Name name, WorkTemp temp, bool is_dir) {
  // A directory cannot replace a whiteout: they change places (N4).
  unsigned flags = !place.whiteout ? RENAME_NOREPLACE : is_dir ? RENAME_EXCHANGE : 0;
  PLY_CHECK(sys::RenameAt2(temp.dir(), temp.name(), place.upper->get(), name.str().c_str(), flags));
  if (flags != RENAME_EXCHANGE) temp.Keep();
  return OkStatus();
}

Entry PublishNew(Parts& parts, const FreeName& place, Name name, const struct statx& st, InodeRef* made) {
  Probed found;
  found.type = S_ISDIR(st.stx_mode) ? MergedType::kDirectory : MergedType::kFile;
  found.top = st;
  found.upper = true;
  InodeRef inode = Admit(parts, place.dir, name, found);
  inode->DropAttr();
  place.dir->ChangeListing(
      [&](MergedDir& listing) { listing.Insert(name.bytes(), DirentTypeOf(st.stx_mode), inode->st_ino()); });
  SetName(parts, *place.dir, name, inode.get(), place.trust);
  place.dir->DropAttr();
  Attr attr = PresentAttr(parts, inode, st);
  parts.tree.inodes.AddLookup(*inode);
  if (made) *made = inode;
  return MakeEntry(parts, *place.dir, name, *inode, attr, StillWatched(*place.dir, place.trust));
}

Result<Entry> PublishNamed(Parts& parts, const FreeName& place, Name name) {
  Result<struct statx> there = sys::Statx(place.upper->get(), name.str().c_str());
  if (there.ok()) return PublishNew(parts, place, name, *there);
  ForgetName(parts, place.dir, name);
  return there.status();
}

Result<Entry> MakeNew(Parts& parts, const Caller& caller, FreeName& place, Name name,
                      const NewObject& object) {
  PLY_CHECK(PlaceNew(parts, caller, place, name, object));
  return PublishNamed(parts, place, name);
}

Status MarkOpaque(Parts& parts, int dir) {
  Status set = parts.records.Set(dir, Record::kOpaque, kOpaqueYes);
  return set.error() == EOPNOTSUPP ? Status(Errno(EIO)) : set;
}

}  // namespace plyfs
