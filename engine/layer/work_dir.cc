#include "engine/layer/work_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <chrono>
#include <cinttypes>
#include <cstring>
#include <optional>
#include <vector>

#include "engine/base/log.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_file.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_owner.h"
#include "engine/io/sys_stat.h"
#include "engine/io/sys_xattr.h"
#include "engine/layer/in_use.h"
#include "engine/layer/object.h"
#include "engine/layer/upper_clone.h"

namespace plyfs {
namespace {

constexpr std::chrono::seconds kLockPatience(5);

Errno Refuse(std::string* line, const char* option, const std::string& value, int error,
             const std::string& cause, const char* remedy) {
  *line = std::string(option) + "=" + value + ": " + cause + "; " + remedy;
  return Errno(error);
}

// The kernel's own directories have no mode bits, which keeps out whoever has no capability: such a mounter's
// get those that he needs.
Result<UniqueFd> OpenOwnDir(int parent, const char* name) {
  Result<UniqueFd> dir = sys::OpenBeneath(parent, name, O_RDONLY | O_DIRECTORY);
  if (dir.error() != EACCES) return dir;
  PLY_TRY(UniqueFd held, sys::OpenBeneath(parent, name, O_PATH | O_DIRECTORY));
  if (!sys::Chmod(held.get(), 0700).ok()) return dir;
  return sys::OpenBeneath(parent, name, O_RDONLY | O_DIRECTORY);
}

}  // namespace

WorkDir::~WorkDir() = default;

Result<std::unique_ptr<WorkDir>> WorkDir::Claim(const Layer& upper, const StackConfig& config,
                                                std::string* error_line) {
  std::unique_ptr<WorkDir> work(new WorkDir);
  Status claimed = work->Place(upper, config, error_line);
  if (claimed.ok()) {
    LookBeneathSubmounts(upper, &work->base_);  // before the lock, which is the descriptor's
    claimed = work->Lock(upper, config, error_line);
  }
  if (claimed.ok()) claimed = work->CheckMarks(work->base_.get(), config.workdir, error_line);
  if (claimed.ok()) return work;
  if (!error_line->empty()) return claimed.status();
  return Refuse(error_line, "workdir", config.workdir, claimed.error(),
                std::string("cannot look at it: ") + std::strerror(claimed.error()),
                "see what ails its filesystem");
}

Status WorkDir::Place(const Layer& upper, const StackConfig& config, std::string* error_line) {
  const std::string& path = config.workdir;
  Result<UniqueFd> base = sys::OpenAt2(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0);
  if (base.error() == ENOENT) {
    return Refuse(error_line, "workdir", path, ENOENT, "no such directory", "create it or correct the path");
  }
  if (base.error() == ENOTDIR) {
    return Refuse(error_line, "workdir", path, EINVAL, "not a directory", "name a directory");
  }
  if (!base.ok()) {
    return Refuse(error_line, "workdir", path, base.error(), std::strerror(base.error()),
                  "make the directory accessible");
  }
  base_ = *std::move(base);
  PLY_TRY(struct statx work_st, sys::StatxFd(base_.get()));
  PLY_TRY(struct statx upper_st, sys::StatxFd(upper.root()));
  if (ObjectIdOf(work_st) == upper.root_id()) {
    return Refuse(error_line, "workdir", path, EINVAL, "is the upper directory", "name another directory");
  }
  if (work_st.stx_mnt_id != upper_st.stx_mnt_id || ObjectIdOf(work_st).dev != upper.device()) {
    return Refuse(error_line, "workdir", path, EINVAL, "not on the same mount as upperdir=" + config.upperdir,
                  "choose a directory beside it");
  }
  PLY_TRY(std::string work_path, CanonicalPathOf(base_.get()));
  std::string upper_path = upper.CanonicalPath();
  if (work_path.starts_with(upper_path + "/") || upper_path.starts_with(work_path + "/")) {
    return Refuse(error_line, "workdir", path, EINVAL, "upperdir=" + config.upperdir + " and workdir overlap",
                  "choose two directories beside each other");
  }
  return OkStatus();
}

Status WorkDir::Lock(const Layer& upper, const StackConfig& config, std::string* error_line) {
  Result<UniqueFd> upper_lock = sys::OpenBeneath(upper.root(), ".", O_RDONLY | O_DIRECTORY);
  if (!upper_lock.ok()) {
    return Refuse(error_line, "upperdir", config.upperdir, upper_lock.error(),
                  std::strerror(upper_lock.error()), "make the directory readable");
  }
  upper_lock_ = *std::move(upper_lock);
  PLY_TRY(struct statx st, sys::StatxFd(base_.get()));
  const ObjectId work = ObjectIdOf(st);
  if (!LockDirectory(upper_lock_.get(), kLockPatience)) {
    return Refuse(error_line, "upperdir", config.upperdir, EBUSY,
                  "in use by another mount" + LockHolder(upper.root_id()), "unmount that first");
  }
  if (!LockDirectory(base_.get(), kLockPatience)) {
    return Refuse(error_line, "workdir", config.workdir, EBUSY, "in use by another mount" + LockHolder(work),
                  "unmount that first");
  }
  if (std::optional<KernelUse> use = UsedByKernel(upper.root_id(), work)) {
    return Refuse(error_line, use->is_work ? "workdir" : "upperdir",
                  use->is_work ? config.workdir : config.upperdir, EBUSY,
                  "in use by the kernel overlay mounted on " + use->mountpoint, "unmount that first");
  }
  return OkStatus();
}

void WorkDir::Unlock() {
  (void)::flock(upper_lock_.get(), LOCK_UN);
  (void)::flock(base_.get(), LOCK_UN);
}

// M16.  `base` holds work/incompat, or nothing of that name, or is not ours to look into (Prepare looks
// again).
Status WorkDir::CheckMarks(int base, const std::string& path, std::string* error_line) {
  Result<UniqueFd> incompat = sys::OpenBeneath(base, "work/incompat", O_RDONLY | O_DIRECTORY);
  if (!incompat.ok()) return OkStatus();
  sys::DirReader entries(incompat->get());
  PLY_TRY(const sys::DirReader::Entry* entry, entries.Next());
  if (!entry) return OkStatus();
  return Refuse(error_line, "workdir", path, EINVAL,
                "marked as incompatible by " + std::string(entry->name) +
                    " (the last mount was volatile or used a feature unknown here)",
                "remove work/incompat if the upper directory is known to be whole");
}

Status WorkDir::Prepare(const StackConfig& config, std::string* error_line) {
  bool made = false;
  Status prepared = MakeWork(config.workdir, &made, error_line);
  if (prepared.ok()) prepared = FillWork(config, error_line);
  // What is refused leaves nothing behind.
  if (!prepared.ok() && made) {
    if (work_.valid()) (void)Empty(work_.get());
    (void)sys::UnlinkAt(base_.get(), "work", AT_REMOVEDIR);
  }
  return prepared;
}

Status WorkDir::MakeWork(const std::string& path, bool* made, std::string* error_line) {
  Status mkdir = sys::MkdirAt(base_.get(), "work", 0);
  *made = mkdir.ok();
  if (mkdir.error() != 0 && mkdir.error() != EEXIST) {
    return Refuse(error_line, "workdir", path, mkdir.error() == EROFS ? EINVAL : mkdir.error(),
                  std::string("cannot make the directory work in it: ") + std::strerror(mkdir.error()),
                  "make it writable");
  }
  Result<UniqueFd> work = OpenOwnDir(base_.get(), "work");
  if (!work.ok()) {
    return Refuse(error_line, "workdir", path, work.error(),
                  std::string("cannot open work in it: ") + std::strerror(work.error()),
                  "remove what stands there");
  }
  work_ = *std::move(work);
  return CheckMarks(base_.get(), path, error_line);
}

Status WorkDir::FillWork(const StackConfig& config, std::string* error_line) {
  const std::string& path = config.workdir;
  (void)sys::RemoveXattr(work_.get(), "system.posix_acl_default");
  (void)sys::RemoveXattr(work_.get(), "system.posix_acl_access");
  if (Status emptied = Empty(work_.get()); !emptied.ok()) {
    return Refuse(error_line, "workdir", path, emptied.error(),
                  std::string("cannot empty work in it: ") + std::strerror(emptied.error()),
                  "empty it by hand");
  }
  PLY_CHECK(ProbeWhiteouts(config, error_line));
  if (config.fsync != FsyncPolicy::kVolatile) return OkStatus();
  Status marked = MarkVolatile();
  if (marked.ok()) return OkStatus();
  (void)Empty(work_.get());  // a part of the mark would keep the next mount out
  return Refuse(error_line, "workdir", path, marked.error(),
                std::string("cannot leave the volatile mark: ") + std::strerror(marked.error()),
                "mount without volatile");
}

// A mount that could not leave whiteouts would have to write something the kernel cannot read (O6).
Status WorkDir::ProbeWhiteouts(const StackConfig& config, std::string* error_line) {
  Result<std::string> whiteout = MakeWhiteout();
  if (whiteout.ok()) {
    Discard(*whiteout);
    return OkStatus();
  }
  int cause = whiteout.error() == EROFS ? EINVAL : whiteout.error();
  return Refuse(
      error_line, "upperdir", config.upperdir, cause,
      std::string("cannot hold whiteouts (character device 0/0): ") + std::strerror(whiteout.error()),
      "use a local, writable filesystem that allows device nodes");
}

Status WorkDir::MarkVolatile() {
  PLY_CHECK(sys::MkdirAt(work_.get(), "incompat", 0));
  PLY_TRY(UniqueFd incompat, OpenOwnDir(work_.get(), "incompat"));
  PLY_CHECK(sys::MkdirAt(incompat.get(), "volatile", 0));
  PLY_TRY(UniqueFd mark, OpenOwnDir(incompat.get(), "volatile"));
  PLY_TRY(UniqueFd dirty, sys::OpenBeneath(mark.get(), "dirty", O_CREAT | O_EXCL | O_WRONLY, 0));
  return OkStatus();
}

std::string WorkDir::TempName() {
  char name[24];
  std::snprintf(name, sizeof name, "#%" PRIx64, next_.fetch_add(1, std::memory_order_relaxed) + 1);
  return name;
}

Result<std::string> WorkDir::MakeWhiteout() {
  std::string shared;
  {
    MutexLock lock(whiteout_mu_);
    shared = shared_whiteout_;
  }
  std::string name = TempName();
  if (!shared.empty()) {
    if (sys::LinkAt(work_.get(), shared.c_str(), work_.get(), name.c_str()).ok()) return name;
  }
  PLY_CHECK(sys::MknodAt(work_.get(), name.c_str(), S_IFCHR, 0));
  std::string next = TempName();
  if (sys::LinkAt(work_.get(), name.c_str(), work_.get(), next.c_str()).ok()) {
    MutexLock lock(whiteout_mu_);
    shared_whiteout_ = next;
  }
  return name;
}

void WorkDir::Discard(const std::string& name) {
  Status removed = sys::UnlinkAt(work_.get(), name.c_str(), 0);
  if (removed.error() == EISDIR || removed.error() == EPERM) {
    if (Result<UniqueFd> dir = sys::OpenBeneath(work_.get(), name.c_str(), O_RDONLY | O_DIRECTORY);
        dir.ok()) {
      (void)Empty(dir->get());
    }
    removed = sys::UnlinkAt(work_.get(), name.c_str(), AT_REMOVEDIR);
  }
  if (!removed.ok() && removed.error() != ENOENT) {
    Logf("workdir: cannot remove %s: %s", name.c_str(), std::strerror(removed.error()));
  }
}

Status WorkDir::Empty(int dir) {
  // A loop with the open directories on a stack: the depth is whoever's who wrote them.
  struct Level {
    UniqueFd fd;
    std::vector<std::string> subdirs;
  };
  auto clear = [](UniqueFd fd) -> Result<Level> {
    Level level;
    std::vector<std::string> names;
    sys::DirReader entries(fd.get());
    while (true) {
      PLY_TRY(const sys::DirReader::Entry* entry, entries.Next());
      if (!entry) break;
      names.emplace_back(entry->name);
    }
    for (const std::string& name : names) {
      Status removed = sys::UnlinkAt(fd.get(), name.c_str(), 0);
      if (removed.error() == EISDIR) {
        level.subdirs.push_back(name);
      } else if (!removed.ok()) {
        return removed.status();
      }
    }
    level.fd = std::move(fd);
    return level;
  };
  std::vector<Level> stack;
  PLY_TRY(UniqueFd top, sys::OpenBeneath(dir, ".", O_RDONLY | O_DIRECTORY));
  PLY_TRY(Level first, clear(std::move(top)));
  stack.push_back(std::move(first));
  while (true) {
    Level& level = stack.back();
    if (!level.subdirs.empty()) {
      PLY_TRY(UniqueFd fd, OpenOwnDir(level.fd.get(), level.subdirs.back().c_str()));
      PLY_TRY(Level next, clear(std::move(fd)));
      stack.push_back(std::move(next));
      continue;
    }
    stack.pop_back();
    if (stack.empty()) return OkStatus();
    Level& parent = stack.back();
    PLY_CHECK(sys::UnlinkAt(parent.fd.get(), parent.subdirs.back().c_str(), AT_REMOVEDIR));
    parent.subdirs.pop_back();
  }
}

}  // namespace plyfs
