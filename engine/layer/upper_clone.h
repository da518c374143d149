// A view of upper and work without what is mounted inside them (M10).
//
// Stateless; at mount, before anybody uses either.
#ifndef PLYFS_ENGINE_LAYER_UPPER_CLONE_H_
#define PLYFS_ENGINE_LAYER_UPPER_CLONE_H_

#include "engine/io/unique_fd.h"
#include "engine/layer/layer.h"

namespace plyfs {

// From now on both are reached through one private clone of the mount of their nearest common ancestor (one,
// since rename(2) does not lead from one mount to another), in which submounts do not exist.  Nothing happens
// without the privilege to make one: names that a submount covers are EREMOTE then.
void LookBeneathSubmounts(const Layer& upper, UniqueFd* work);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_UPPER_CLONE_H_
