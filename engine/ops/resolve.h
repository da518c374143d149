// Resolve: what a name of a directory is, from the cache or else from the layers; one load a name at a time.
//
// Any thread; blocks on the layers on a miss.  This is the Load of LOOKUP, and how every operation finds the
// objects it is asked to change.
#ifndef PLYFS_ENGINE_OPS_RESOLVE_H_
#define PLYFS_ENGINE_OPS_RESOLVE_H_

#include "engine/ops/parts.h"

namespace plyfs {

// Whether the directory may be read whole for the sake of the names to come.
enum class Buying { kIfDue, kNever };

// Null: there is no such name (a fact, cached).  Errors as ProbeName.  `copies`: of the directory, if they
// are open.
Result<InodeRef> Resolve(Parts& parts, const InodeRef& dir, Name name, Buying buying = Buying::kIfDue,
                         const ReadCopies* copies = nullptr);

// Likewise, but ENOENT for none.
Result<InodeRef> ResolvePresent(Parts& parts, const InodeRef& dir, Name name);

// Where the data of a metacopy file are.
LowerAnchor DataOf(const Probed& found);

// The inode of what a probe found, given this name.  `copies`: of a directory, the layers of its lower
// members, where the probe has asked the topmost only.
InodeRef Admit(Parts& parts, const InodeRef& dir, Name name, const Probed& found,
               const LayerSetRef& copies = nullptr);

// The inode that a directory of the lower layers at this name is known by, while there is one; null.
InodeRef LowerDirectoryAt(Parts& parts, const Inode& dir, Name name);

// Asks the layers whatever the cache says.
Result<Probed> ProbeNow(Parts& parts, const InodeRef& dir, Name name);

// "lower+" of semantics section 6: the layers below hold the name, so that removing it takes a whiteout.
Result<bool> NeedsWhiteout(Parts& parts, const InodeRef& dir, Name name);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_RESOLVE_H_
