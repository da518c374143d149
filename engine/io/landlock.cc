#include "engine/io/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace plyfs::sys {
namespace {

// Of younger kernels than Debian 12's headers are of.
constexpr uint64_t kTruncate = uint64_t{1} << 14;  // version 3, Linux 6.2
constexpr uint64_t kIoctlDev = uint64_t{1} << 15;  // version 5, Linux 6.10
constexpr int kWithRefer = 2;

constexpr uint64_t kReadRights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kFileRights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
constexpr uint64_t kNeverGiven = LANDLOCK_ACCESS_FS_EXECUTE | kIoctlDev;

// All that version knows.
uint64_t RightsOf(long version) {
  uint64_t rights = (LANDLOCK_ACCESS_FS_REFER << 1) - 1;
  if (version >= 3) rights |= kTruncate;
  if (version >= 5) rights |= kIoctlDev;
  return rights;
}

uint64_t RightsFor(Landlock::May what, uint64_t handled) {
  switch (what) {
    case Landlock::May::kRead:
      return kReadRights;
    case Landlock::May::kReadAndWriteFile:
      return kFileRights & handled;
    case Landlock::May::kChange:
      return handled & ~kNeverGiven;
  }
  return 0;
}

}  // namespace

Result<Landlock> Landlock::Make() {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < kWithRefer) return Errno(EOPNOTSUPP);
  struct landlock_ruleset_attr attr = {};
  attr.handled_access_fs = RightsOf(version);
  UniqueFd rules(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attr, sizeof attr.handled_access_fs, 0)));
  if (!rules) return LastErrno();
  return Landlock(std::move(rules), attr.handled_access_fs);
}

Status Landlock::Allow(const std::string& path, May what) {
  const UniqueFd opened(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat st;
  if (!opened || ::fstat(opened.get(), &st) < 0) return LastErrno();
  struct landlock_path_beneath_attr rule = {};
  rule.allowed_access = RightsFor(what, handled_);
  if (!S_ISDIR(st.st_mode)) rule.allowed_access &= kFileRights;
  rule.parent_fd = opened.get();
  return ::syscall(SYS_landlock_add_rule, rules_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0
             ? OkStatus()
             : Status(LastErrno());
}

Status Landlock::BindThread() const {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return LastErrno();
  return ::syscall(SYS_landlock_restrict_self, rules_.get(), 0) == 0 ? OkStatus() : Status(LastErrno());
}

}  // namespace plyfs::sys
