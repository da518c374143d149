#include "engine/ops/copy_up_stage.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/sysmacros.h>

#include "engine/base/planted.h"
#include "engine/format/protattr.h"
#include "engine/format/xattr_names.h"
#include "engine/io/copy.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_file.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_owner.h"
#include "engine/io/sys_stat.h"
#include "engine/io/sys_xattr.h"
#include "engine/layer/object.h"
#include "engine/ops/locate.h"

namespace plyfs {
namespace {

// What is being copied and to where, while it is.
struct Copy {
  UniqueFd from;  // O_RDONLY for regular files and directories, O_PATH for the rest
  struct statx st = {};
  LayerId layer = 0;
  StagedCopy to;
};

Result<UniqueFd> OpenSource(Parts& parts, const InodeRef& inode, LayerId* layer) {
  if (inode->is_dir()) {
    DirLowers lowers = inode->lowers();
    if (lowers.empty()) return Errno(ESTALE);
    *layer = lowers.layer(0);
    return OpenTopDir(parts, inode, O_RDONLY);
  }
  LowerAnchor lower = inode->lower();
  if (!lower.exists()) return Errno(ESTALE);
  *layer = lower.layer;
  return OpenLower(parts, lower, inode->is_regular() ? O_RDONLY : O_PATH);
}

// A name in W/work, or none for a regular file where the filesystem has nameless ones.
Status MakeEmpty(Parts& parts, Copy* copy) {
  int work = parts.work->fd();
  uint32_t type = copy->st.stx_mode & S_IFMT;
  if (type == S_IFREG) {
    Result<UniqueFd> nameless = sys::OpenBeneath(work, ".", O_TMPFILE | O_RDWR, 0600);
    if (nameless.ok()) {
      copy->to.fd = *std::move(nameless);
      return OkStatus();
    }
    if (nameless.error() != EOPNOTSUPP && nameless.error() != EISDIR) return nameless.status();
  }
  const char* name = copy->to.temp.emplace(*parts.work).name();
  int flags = O_PATH;
  switch (type) {
    case S_IFREG:
      flags = O_CREAT | O_EXCL | O_RDWR;
      break;
    case S_IFDIR:
      PLY_CHECK(sys::MkdirAt(work, name, 0700));
      flags = O_RDONLY | O_DIRECTORY;
      break;
    case S_IFLNK: {
      PLY_TRY(std::string target, sys::ReadLinkAt(copy->from.get(), ""));
      PLY_CHECK(sys::SymlinkAt(target.c_str(), work, name));
      break;
    }
    default:
      PLY_CHECK(
          sys::MknodAt(work, name, type | 0600, makedev(copy->st.stx_rdev_major, copy->st.stx_rdev_minor)));
      break;
  }
  PLY_TRY(copy->to.fd, sys::OpenBeneath(work, name, flags, flags & O_CREAT ? 0600 : 0));
  return OkStatus();
}

// ACLs, capabilities and labels must arrive; what else the upper filesystem does not take is left behind
// (C6).
bool MustArrive(std::string_view name) {
  return name.starts_with("security.") || name == kXattrAccessAcl || name == kXattrDefaultAcl;
}

Status CopyXattrs(Parts& parts, int from, int to) {
  Result<std::string> names = sys::ListXattr(from);
  if (names.error() == EOPNOTSUPP) return OkStatus();
  if (!names.ok()) return names.status();
  for (size_t at = 0; at < names->size();) {
    std::string name(names->c_str() + at);
    at += name.size() + 1;
    if (parts.records.names().IsPrivate(name)) continue;
    Result<std::string> value = sys::GetXattr(from, name.c_str());
    if (value.error() == ENODATA) continue;
    if (!value.ok()) return value.status();
    Status set = sys::SetXattr(to, name.c_str(), *value);
    if (set.error() == EOPNOTSUPP && !MustArrive(name)) continue;
    PLY_CHECK(set);
  }
  return OkStatus();
}

// The order is C4's: a change of the owner clears set-id bits and capabilities, so it comes first.
Status CopyOwnerModeXattrs(Parts& parts, int from, const struct statx& st, int to) {
  Status owned = sys::Chown(to, st.stx_uid, st.stx_gid);
  if (owned.error() == EINVAL) return Errno(EOVERFLOW);  // an id that does not map here (C11)
  PLY_CHECK(owned);
  uint32_t mode = st.stx_mode & 07777;
  if (S_ISDIR(st.stx_mode) && Planted(Plant::kCopyUpParent)) mode &= ~0001u;
  if (!S_ISLNK(st.stx_mode)) PLY_CHECK(sys::Chmod(to, mode));
  return CopyXattrs(parts, from, to);
}

Status CopyTimes(const struct statx& st, int to) {
  struct timespec times[2] = {{st.stx_atime.tv_sec, st.stx_atime.tv_nsec},
                              {st.stx_mtime.tv_sec, st.stx_mtime.tv_nsec}};
  if (Planted(Plant::kCopyUpTimes)) times[0].tv_nsec = times[1].tv_nsec = 0;
  return sys::Utimens(to, times);
}

// Sync and noatime are set on the copy; immutable and append-only are only recorded, since the copy must stay
// linkable (C7, A14; copy_up.c:ovl_copy_fileattr).
Status CopyFileFlags(Parts& parts, const Copy& copy) {
  if (!S_ISREG(copy.st.stx_mode) && !S_ISDIR(copy.st.stx_mode)) return OkStatus();
  Result<int> flags = sys::GetFlags(copy.from.get());
  if (!flags.ok()) return OkStatus();  // a filesystem without flags
  std::string protection = ComposeProtattr(static_cast<uint32_t>(*flags) & kProtectFlags);
  if (!protection.empty()) PLY_CHECK(parts.records.Set(copy.to.fd.get(), Record::kProtattr, protection));
  int wanted = *flags & (FS_SYNC_FL | FS_NOATIME_FL);
  if (wanted == 0) return OkStatus();
  Result<int> own = sys::GetFlags(copy.to.fd.get());
  if (!own.ok()) return OkStatus();
  Status set = sys::SetFlags(copy.to.fd.get(), *own | wanted);
  return set.error() == EOPNOTSUPP || set.error() == ENOTTY ? OkStatus() : set;
}

// Not where the links of one file part (C15); user.* records cannot be on symlinks and special files.
Status RecordOrigin(Parts& parts, Copy* copy) {
  uint32_t type = copy->st.stx_mode & S_IFMT;
  copy->to.splits = type != S_IFDIR && copy->st.stx_nlink > 1;
  if (copy->to.splits || Planted(Plant::kCopyUpOrigin)) return OkStatus();
  if (parts.config.userxattr && type != S_IFREG && type != S_IFDIR) return OkStatus();
  PLY_TRY(std::string origin, parts.origins->Make(parts.stack->lower(copy->layer), copy->from.get()));
  Status set = parts.records.Set(copy->to.fd.get(), Record::kOrigin, origin);
  if (set.error() == EOPNOTSUPP) return OkStatus();
  PLY_CHECK(set);
  copy->to.has_origin = true;
  return OkStatus();
}

Status Sync(const Parts& parts, const Copy& copy, bool data_copied) {
  bool regular = S_ISREG(copy.st.stx_mode);
  switch (parts.config.fsync) {
    case FsyncPolicy::kVolatile:
      return OkStatus();
    case FsyncPolicy::kAuto:
      return regular && data_copied ? sys::Fsync(copy.to.fd.get()) : OkStatus();
    case FsyncPolicy::kStrict:
      return regular || S_ISDIR(copy.st.stx_mode) ? sys::Fsync(copy.to.fd.get()) : OkStatus();
  }
  return OkStatus();
}

// The order is C4's: writing data clears set-id bits and capabilities, so it comes first; times come last.
Status Fill(Parts& parts, const InodeRef& inode, CopyUpData data, Copy* copy) {
  int to = copy->to.fd.get();
  bool data_copied = S_ISREG(copy->st.stx_mode) && data == CopyUpData::kAll && copy->st.stx_size > 0;
  if (data_copied) {
    UniqueFd data_file;
    if (inode->data().exists()) {
      PLY_TRY(data_file, OpenData(parts, inode, O_RDONLY));
    }
    CopyOptions options;
    options.rings = parts.rings.get();
    int from = data_file.valid() ? data_file.get() : copy->from.get();
    PLY_TRY([[maybe_unused]] uint64_t copied, CopyData(from, to, copy->st.stx_size, options));
  }
  PLY_CHECK(CopyOwnerModeXattrs(parts, copy->from.get(), copy->st, to));
  PLY_CHECK(CopyFileFlags(parts, *copy));
  PLY_CHECK(RecordOrigin(parts, copy));
  PLY_CHECK(CopyTimes(copy->st, to));
  return Sync(parts, *copy, data_copied);
}

}  // namespace

Result<StagedCopy> StageCopy(Parts& parts, const InodeRef& inode, CopyUpData data) {
  Copy copy;
  PLY_TRY(copy.from, OpenSource(parts, inode, &copy.layer));
  PLY_TRY(copy.st, sys::StatxFd(copy.from.get()));
  PLY_CHECK(MakeEmpty(parts, &copy));
  PLY_CHECK(Fill(parts, inode, data, &copy));
  PLY_TRY(struct statx made, sys::StatxFd(copy.to.fd.get()));
  copy.to.object = ObjectIdOf(made);
  return std::move(copy.to);
}

Status CopyMetadata(Parts& parts, int from, int to) {
  PLY_TRY(struct statx st, sys::StatxFd(from));
  PLY_CHECK(CopyOwnerModeXattrs(parts, from, st, to));
  return CopyTimes(st, to);
}

}  // namespace plyfs
