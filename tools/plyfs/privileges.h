// Which privileges the daemon and its keeper go on with; docs/security.md says why each stays.
//
// Main's thread, before there are others: capabilities belong to threads.
#ifndef PLYFS_TOOLS_PLYFS_PRIVILEGES_H_
#define PLYFS_TOOLS_PLYFS_PRIVILEGES_H_

#include "engine/base/result.h"

namespace plyfs::tool {

// What serving needs; to mount it is enough too.
Status DropDaemonPrivileges(bool writable);
// What unmounting needs.
Status DropKeeperPrivileges();

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYFS_PRIVILEGES_H_
