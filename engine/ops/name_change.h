// NameChange: what every change of a name shares, beside the directory's own exclusion.
//
// Between the system call that changes upper and the moment the tree knows of it, the two disagree about the
// name.  Who loads the name then, or looks for an object by its names, must wait (ops/exclusion.h); who
// changes it holds a NameChange from before the call until the tree is told.  Taken last, on the changing
// thread: beneath it nothing is resolved and no upper object is opened by its names.
#ifndef PLYFS_ENGINE_OPS_NAME_CHANGE_H_
#define PLYFS_ENGINE_OPS_NAME_CHANGE_H_

#include <vector>

#include "engine/ops/parts.h"

namespace plyfs {

// Keys of Parts::loads and Parts::moves.  Directories share one: a path leads through any of them.
uint64_t LoadKey(const Inode& dir, const Name& name);
uint64_t MoveKey(const Inode& inode);

class NameChange {
 public:
  struct Place {
    const Inode& dir;
    Name name;
  };
  // `places` are the names that change, `moved` what loses or changes its name; null ones are skipped.
  NameChange(Parts& parts, const std::vector<Place>& places, const std::vector<const Inode*>& moved);

 private:
  std::vector<Exclusion::Hold> loads_;
  std::vector<Exclusion::Hold> moves_;
};

// What a change of ours has made of the name: it leads to `inode` now (null: to nothing).  Kept where the
// directory was watched since `trust`, which is from before the change.
void SetName(Parts& parts, const Inode& dir, Name name, const Inode* inode, Trust trust);

// Likewise of a name that leads to nothing now, and of which the client has dropped what it knew.  Remembered
// only where finding that out again means asking layers, so that a directory that was filled and emptied
// leaves nothing behind.
void SetGone(Parts& parts, Inode& dir, Name name, Trust trust);

// After doubt about what upper holds at a name (a call failed half-way, or somebody changed it by hand): all
// that is known of it is dropped here and in the client, and read again by who asks next.
void ForgetName(Parts& parts, const InodeRef& dir, Name name);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_NAME_CHANGE_H_
