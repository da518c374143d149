// Taking a name out of a directory: what unlink, rmdir and rename share.
//
// Any thread; blocks.
#ifndef PLYFS_ENGINE_OPS_REMOVE_H_
#define PLYFS_ENGINE_OPS_REMOVE_H_

#include "engine/ops/parts.h"

namespace plyfs {

// Puts a whiteout at `name` of an upper directory, in one step; in the place of what is there, if anything is
// (N8).  A directory there, empty or not, is moved into W/work and removed (N10).
Status PutWhiteout(Parts& parts, int upper_dir, Name name);

// Removes an empty upper directory at `name`, clearing whiteouts that it holds (N9).
Status RemoveUpperDir(Parts& parts, int upper_dir, Name name);

// Empties an upper directory whose view is empty: if it holds whiteouts, an empty opaque twin takes its place in
// one step (R11; dir.c:ovl_clear_empty).
Status ClearUpperDir(Parts& parts, int upper_dir, Name name);

// Checks that `name` in `upper_dir` is still `inode`'s object and, where it is the last name known, makes sure
// that the object outlives it (N19).  ESTALE: changed by hand (U12).
Status PrepareToLose(Parts& parts, const InodeRef& inode, const InodeRef& dir, int upper_dir, Name name);

// The tree learns that `name` of `dir` is gone and `inode` has one name less.
void PublishRemoved(Parts& parts, const InodeRef& dir, Name name, const InodeRef& inode);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_REMOVE_H_
