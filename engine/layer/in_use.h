// Who else uses an upper or a work directory (M18).
//
// What other processes hold locked, and what kernel overlayfs has mounted, as far as this process sees them.
// Any thread.
#ifndef PLYFS_ENGINE_LAYER_IN_USE_H_
#define PLYFS_ENGINE_LAYER_IN_USE_H_

#include <chrono>
#include <optional>
#include <string>

#include "engine/format/anchor.h"

namespace plyfs {

// Takes the lock of the directory that `fd` holds, which goes with `fd`; waits for it that long.  The holder
// is mostly a daemon about to die: the caller unmounted and goes on at once.
bool LockDirectory(int fd, std::chrono::milliseconds patience);

// " (pid N)" for whoever holds the directory's lock; empty: nobody that shows.
std::string LockHolder(const ObjectId& dir);

// Where kernel overlayfs has one of the directories mounted as upper or work.
struct KernelUse {
  std::string mountpoint;
  bool is_work = false;  // it is `work` that is in use, not `upper`
};
std::optional<KernelUse> UsedByKernel(const ObjectId& upper, const ObjectId& work);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_IN_USE_H_
