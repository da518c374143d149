// Giving up capabilities.
//
// They belong to the calling thread, and threads made later have what it has: before there are others.
#ifndef PLYFS_ENGINE_IO_SYS_CAPABILITIES_H_
#define PLYFS_ENGINE_IO_SYS_CAPABILITIES_H_

#include <span>

#include "engine/base/result.h"

namespace plyfs::sys {

// Gives up, for good, all but `kept` (CAP_*): also what running a program could give back, where the thread
// may (CAP_SETPCAP).  Keeps capabilities across fsuids, as sys_creds.h wants it, before the right to say so
// goes.
Status KeepOnlyCapabilities(std::span<const int> kept);

}  // namespace plyfs::sys

#endif  // PLYFS_ENGINE_IO_SYS_CAPABILITIES_H_
