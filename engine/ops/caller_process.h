// What a request does not say of its caller and /proc does: supplementary groups and capabilities.
//
// Any thread; a few system calls, so only where a rare rule depends on it.  A process that is gone or outside
// our pid namespace has neither.
#ifndef PLYFS_ENGINE_OPS_CALLER_PROCESS_H_
#define PLYFS_ENGINE_OPS_CALLER_PROCESS_H_

#include <sys/types.h>

#include "engine/ops/request.h"

namespace plyfs {

bool ProcessInGroup(pid_t pid, gid_t gid);
// Whether set-group-id of an object with group `gid` may stay through what the caller does to it: a member,
// or CAP_FSETID, which the superuser is taken to have.
bool MayKeepSetGid(const Caller& caller, gid_t gid);
// In effect; `capability` is CAP_*.
bool ProcessHasCapability(pid_t pid, int capability);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_CALLER_PROCESS_H_
