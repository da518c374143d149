#include "engine/io/sys_creds.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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

struct FsIds {
  uid_t uid = CallSetFsUid(kNoId);
  gid_t gid = CallSetFsGid(kNoId);
};

FsIds& ThreadFsIds() {
  thread_local FsIds ids;
  return ids;
}

bool BecomeUid(uid_t uid) {
  FsIds& now = ThreadFsIds();
  if (now.uid == uid) return true;
  CallSetFsUid(uid);
  now.uid = CallSetFsUid(kNoId);
  return now.uid == uid;
}

bool BecomeGid(gid_t gid) {
  FsIds& now = ThreadFsIds();
  if (now.gid == gid) return true;
  CallSetFsGid(gid);
  now.gid = CallSetFsGid(kNoId);
  return now.gid == gid;
}

}  // namespace

Status KeepCapabilitiesAcrossFsIds() {
  return Do(Op::kFsIds, [] {
    int bits = ::prctl(PR_GET_SECUREBITS);
    if (bits < 0 || (bits & SECBIT_NO_SETUID_FIXUP) != 0) return bits;
    return ::prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP);
  });
}

ScopedFsIds::ScopedFsIds(uid_t uid, gid_t gid)
    : uid_before_(ThreadFsIds().uid), gid_before_(ThreadFsIds().gid) {
  if (uid == uid_before_ && gid == gid_before_) return;
  if (int injected = FaultAt(Op::kFsIds); injected != 0) {
    status_ = Errno(injected);
    return;
  }
  // -1 is no id: the kernel would leave the thread as it is and the check would be blind to it.
  if (uid != kNoId && gid != kNoId && BecomeGid(gid) && BecomeUid(uid)) return;
  BecomeUid(uid_before_);
  BecomeGid(gid_before_);
  status_ = Errno(EPERM);
}

ScopedFsIds::~ScopedFsIds() {
  BecomeUid(uid_before_);
  BecomeGid(gid_before_);
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
