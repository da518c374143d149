// Who a thread is to the kernel when it makes files: its fsuid and fsgid, its umask, its capabilities.
//
// All of it belongs to the calling thread alone (the raw calls; glibc would change every thread) and is
// remembered a thread, so that asking for what already is costs no system call.
#ifndef PLYFS_ENGINE_IO_SYS_CREDS_H_
#define PLYFS_ENGINE_IO_SYS_CREDS_H_

#include <sys/types.h>

#include "engine/base/result.h"

namespace plyfs::sys {

// Makes this thread keep its capabilities when its fsuid changes (SECBIT_NO_SETUID_FIXUP); threads made later
// inherit it.  A thread's first ScopedFsIds does it too.  EPERM: no CAP_SETPCAP.
Status KeepCapabilitiesAcrossFsIds();

// While it lives, what this thread makes belongs to `uid` and `gid` (N16).  Afterwards the thread makes
// things as who it was before, in the end as the process (its effective ids): the calls that make something
// see to it (SettleFsIds), so that going back, which costs 5 us, is put off until it matters, and making many
// things for one caller costs nothing.  Ids the thread already has cost nothing either.
//
// With its capabilities kept a thread is allowed all other calls as before; without, it goes back at once.
// Scopes nest and end in reverse order, on the thread that began them.
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

// Where a layer's server judges by who asks (NFS, FUSE), reading as the last caller would depend on chance:
// there every thread goes back at once.  Process-wide, before threads start.
void GoBackToOwnFsIdsAtOnce();

namespace creds_internal {
struct FsIds {
  uid_t uid = 0;
  gid_t gid = 0;
  bool operator==(const FsIds&) const = default;
};
struct ThreadIds {
  FsIds actual;
  FsIds wanted;
  bool known = false;
  bool keeps_caps = false;  // whether capabilities survive a change of fsuid
};
extern thread_local constinit ThreadIds thread_ids;
void Settle();
}  // namespace creds_internal

// Before a call that makes something or asks for access: be who the scope, or its end, says.
inline void SettleFsIds() {
  // A thread starts with the ids that its parent happened to have: unknown is not settled.
  const creds_internal::ThreadIds& ids = creds_internal::thread_ids;
  if (!ids.known || ids.actual != ids.wanted) creds_internal::Settle();
}

// The umask that the kernel applies to what this thread makes; parts the thread from the process's umask (and
// cwd) at its first call.  Stays until the next call.
Status ThreadUmask(mode_t mask);

// Whether this thread has capability `cap` (CAP_*) in effect, in its own user namespace.
bool HasCapability(int cap);

// Whether this is the user namespace that the machine began with: only there do handles open (X3).
bool InInitialUserNamespace();

}  // namespace plyfs::sys

#endif  // PLYFS_ENGINE_IO_SYS_CREDS_H_
