// Who a thread is to the kernel when it makes files: its fsuid and fsgid, its umask, its capabilities.
//
// All of it belongs to the calling thread alone (the raw calls; glibc would change every thread) and is
// remembered a thread, so that asking for what already is costs no system call.
#ifndef PLYFS_ENGINE_IO_SYS_CREDS_H_
#define PLYFS_ENGINE_IO_SYS_CREDS_H_

#include <sys/types.h>

#include "engine/base/result.h"

namespace plyfs::sys {

// Makes this thread keep its capabilities when its fsuid changes (SECBIT_NO_SETUID_FIXUP).  Once a thread,
// before its first ScopedFsIds; threads made later inherit it.  EPERM: no CAP_SETPCAP.
Status KeepCapabilitiesAcrossFsIds();

// While it lives, what this thread makes belongs to `uid` and `gid` (N16); then the thread is again who it
// was, so that what the program makes for itself never gets a stranger's owner.  Ids the thread already has
// cost nothing.  Scopes nest and end in reverse order, on the thread that began them.
class ScopedFsIds {
 public:
  ScopedFsIds(uid_t uid, gid_t gid);
  ~ScopedFsIds();
  ScopedFsIds(const ScopedFsIds&) = delete;
  ScopedFsIds& operator=(const ScopedFsIds&) = delete;

  // EPERM: not allowed to be them, or they do not map into this user namespace; the thread is who it was.
  Status status() const { return status_; }

 private:
  uid_t uid_before_;
  gid_t gid_before_;
  Status status_;
};

// The umask that the kernel applies to what this thread makes; parts the thread from the process's umask (and
// cwd) at its first call.  Stays until the next call.
Status ThreadUmask(mode_t mask);

// Whether this thread has capability `cap` (CAP_*) in effect, in its own user namespace.
bool HasCapability(int cap);

// Whether this is the user namespace that the machine began with: only there do handles open (X3).
bool InInitialUserNamespace();

}  // namespace plyfs::sys

#endif  // PLYFS_ENGINE_IO_SYS_CREDS_H_
