// How many system calls the process has made through engine/io (sys_call.h, ring.cc), for `plyctl stats`.
#ifndef PLYFS_ENGINE_IO_CALLS_MADE_H_
#define PLYFS_ENGINE_IO_CALLS_MADE_H_

#include "engine/base/tally.h"

namespace plyfs {

inline constinit Tally calls_made;

}  // namespace plyfs

#endif  // PLYFS_ENGINE_IO_CALLS_MADE_H_
