// FullyPrivileged: whether a test may do what only root of the machine may (trusted.* xattrs, device nodes,
// owners, mounts); root of a container or of a user namespace may not.
//
// Only for tests.  Any thread.
#ifndef PLYFS_ENGINE_IO_PRIVILEGE_FOR_TEST_H_
#define PLYFS_ENGINE_IO_PRIVILEGE_FOR_TEST_H_

#include <linux/capability.h>
#include <unistd.h>

#include "engine/io/sys_creds.h"

namespace plyfs {

inline bool FullyPrivileged() {
  return ::geteuid() == 0 && sys::InInitialUserNamespace() && sys::HasCapability(CAP_SYS_ADMIN) &&
         sys::HasCapability(CAP_MKNOD);
}

}  // namespace plyfs

#endif  // PLYFS_ENGINE_IO_PRIVILEGE_FOR_TEST_H_
