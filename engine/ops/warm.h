// The warm halves: operations answered from what is known, by the thread that read the request.
//
// Any thread.  They see the tree only and are linked into a library that cannot reach I/O, so that they
// cannot block by construction: no allocation, no system call.  Nothing means "something is not known": the
// cold half in the file of the operation's name loads it.
#ifndef PLYFS_ENGINE_OPS_WARM_H_
#define PLYFS_ENGINE_OPS_WARM_H_

#include <optional>

#include "engine/base/name.h"
#include "engine/base/result.h"
#include "engine/ops/request.h"
#include "engine/tree/tree.h"

namespace plyfs::warm {

// lookup_warm.cc.  A present name's lookup count is raised.
std::optional<Result<Entry>> Lookup(Tree& tree, NodeId parent, Name name);

// get_attr_warm.cc
std::optional<Result<AttrReply>> GetAttr(Tree& tree, NodeId node);

}  // namespace plyfs::warm

#endif  // PLYFS_ENGINE_OPS_WARM_H_
