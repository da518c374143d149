#include "engine/io/sys_creds.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "engine/io/sys_call.h"

namespace plyfs::sys {
namespace {

constexpr uid_t kNoId = static_cast<uid_t>(-1);

// Both calls give the id before and never fail; an id that nobody may have asks without changing
// (kernel/sys.c:__sys_setfsuid).
uid_t CallSetFsUid(uid_t uid) {
  return static_cast<uid_t>(::syscall(SYS_setfsuid, uid));
}
gid_t CallSetFsGid(gid_t gid) {
  return static_cast<gid_t>(::syscall(SYS_setfsgid, gid));
}

std::atomic<bool> go_back_at_once{false};

using creds_internal::FsIds;
using creds_internal::ThreadIds;

void Become(ThreadIds& ids, FsIds whom) {
  if (ids.actual.gid != whom.gid) {
    CallSetFsGid(whom.gid);
    ids.actual.gid = CallSetFsGid(kNoId);
  }
  if (ids.actual.uid != whom.uid) {
    CallSetFsUid(whom.uid);
    ids.actual.uid = CallSetFsUid(kNoId);
  }
}

ThreadIds& KnownIds() {
  ThreadIds& ids = creds_internal::thread_ids;
  if (!ids.known) {
    ids.actual = {CallSetFsUid(kNoId), CallSetFsGid(kNoId)};
    ids.wanted = {::geteuid(), ::getegid()};
    ids.keeps_caps = KeepCapabilitiesAcrossFsIds().ok();
    ids.known = true;
  }
  return ids;
}

}  // namespace

namespace creds_internal {

thread_local constinit ThreadIds thread_ids;

void Settle() {
  ThreadIds& ids = KnownIds();
  Become(ids, ids.wanted);
}

}  // namespace creds_internal

Status KeepCapabilitiesAcrossFsIds() {
  int bits = ::prctl(PR_GET_SECUREBITS);
  if (bits < 0) return LastErrno();
  if ((bits & SECBIT_NO_SETUID_FIXUP) != 0) return OkStatus();
  if (::prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP) != 0) return LastErrno();
  return OkStatus();
}

void GoBackToOwnFsIdsAtOnce() {
  go_back_at_once.store(true, std::memory_order_relaxed);
}

ScopedFsIds::ScopedFsIds(uid_t uid, gid_t gid) {
  ThreadIds& ids = KnownIds();
  uid_before_ = ids.wanted.uid;
  gid_before_ = ids.wanted.gid;
  FsIds whom = {uid, gid};
  if (int injected = whom == ids.wanted ? 0 : FaultAt(Op::kFsIds); injected != 0) {
    status_ = Errno(injected);
    return;
  }
  // -1 is no id: the kernel would leave the thread as it is.
  if (uid == kNoId || gid == kNoId) {
    status_ = Errno(EPERM);
    return;
  }
  Become(ids, whom);
  if (ids.actual == whom) {
    ids.wanted = whom;
  } else {
    Become(ids, ids.wanted);
    status_ = Errno(EPERM);
  }
}

ScopedFsIds::~ScopedFsIds() {
  ThreadIds& ids = creds_internal::thread_ids;
  ids.wanted = {uid_before_, gid_before_};
  if (!ids.keeps_caps || go_back_at_once.load(std::memory_order_relaxed)) SettleFsIds();
}

Status ThreadUmask(mode_t mask) {
  constexpr mode_t kUnknown = ~mode_t{0};
  thread_local mode_t current = kUnknown;
  mask &= 0777;
  if (current == mask) return OkStatus();
  if (current == kUnknown) {
    PLY_CHECK(Do(Op::kUmask, [] { return ::unshare(CLONE_FS); }));
  }
  ::umask(mask);
  current = mask;
  return OkStatus();
}

bool HasCapability(int cap) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  return (data[CAP_TO_INDEX(cap)].effective & CAP_TO_MASK(cap)) != 0;
}

bool InInitialUserNamespace() {
  constexpr ino_t kInitialUserInode = 0xEFFFFFFD;  // include/linux/proc_ns.h: PROC_USER_INIT_INO
  struct stat st;
  return ::stat("/proc/self/ns/user", &st) == 0 && st.st_ino == kInitialUserInode;
}

}  // namespace plyfs::sys
