// Whereabouts: where an object is, in words, for the log.
//
// From memory; never blocks.  Any thread.
#ifndef PLYFS_ENGINE_OPS_WHEREABOUTS_H_
#define PLYFS_ENGINE_OPS_WHEREABOUTS_H_

#include <string>

#include "engine/base/ids.h"

namespace plyfs {

struct Parts;

struct Whereabouts {
  std::string path;   // "/a/b" of the merged tree; "?" where the node is gone or has no name
  std::string layer;  // "upperdir=/u" or "lowerdir=/l"; empty: none
};

// `asked`: the layer that was last asked something; AskedLayer::kNone: the one that holds the object.
Whereabouts Describe(Parts& parts, NodeId node, LayerId asked);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_WHEREABOUTS_H_
