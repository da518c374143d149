// Taking a name out of a directory: what unlink, rmdir and rename share.
//
// Any thread; blocks.  The changes of the directory are held by the caller (Parts::dir_changes).
#ifndef PLYFS_ENGINE_OPS_REMOVE_H_
#define PLYFS_ENGINE_OPS_REMOVE_H_

#include "engine/ops/parts.h"

namespace plyfs {

// Nothing in the directory leads anywhere (rmdir, rename over it; N9-N11): no entry is left, or none but
// xattr whiteouts that are listed because nobody said that there are some (X5).
Result<bool> HoldsNothing(Parts& parts, const InodeRef& dir);

// Removes `name`, which is `inode`, from upper and the tree; a directory's view has been seen empty.  A
// whiteout takes its place where the layers below hold the name (N7-N14).  ESTALE: upper was changed by hand
// (N21); ENOTEMPTY: the directory was filled by hand.  In both cases upper is as it was.
Status RemoveEntry(Parts& parts, const InodeRef& dir, Name name, const InodeRef& inode);

// Checks that upper holds `inode` at the name (or nothing, for what is lower) and, where it may be the last
// name of the object, makes sure that the object outlives it (N19).  Under a NameChange.  ESTALE: it does not
// (U12).
Status PrepareToLose(Parts& parts, const InodeRef& inode, int upper_dir, Name name);

// The inode has lost its name, which is gone or is another inode's.
void LoseName(Parts& parts, const InodeRef& dir, Name name, const InodeRef& inode);

// The listing of `dir` loses `name`, where upper holds nothing now, or a whiteout.  Without one, what the
// layers below list there although it is nothing (X5) is listed again.
void LeaveListing(const InodeRef& dir, Name name, bool whiteout);

// Puts a whiteout at a name of an upper directory, in one step; in the place of what is there, if anything is
// (N8).  A directory there is moved into W/work and removed (N10).
Status PutWhiteout(Parts& parts, int upper_dir, Name name);

// Makes an upper directory whose view is empty empty on disk: if it holds whiteouts, an empty opaque twin
// takes its place in one step (R11; dir.c:ovl_clear_empty).
Status ClearUpperDir(Parts& parts, int upper_dir, Name name);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_REMOVE_H_
