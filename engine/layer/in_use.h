// Who else uses an upper or a work directory (M18).
//
// What other processes hold locked, and what kernel overlayfs has mounted, as far as this process sees them.
// Any thread.
#ifndef PLYFS_ENGINE_LAYER_IN_USE_H_
#define PLYFS_ENGINE_LAYER_IN_USE_H_

#include <optional>
#include <string>

#include "engine/format/anchor.h"

namespace plyfs {

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
