// Making an object under a free name of a directory: what create, mkdir, mknod, symlink and link share.
//
// Any thread; blocks.  The object appears in upper in one step, complete and with its final owner: made in
// place under the caller's ids where the name is free, else in W/work and moved over the whiteout (N1-N6,
// N16).
#ifndef PLYFS_ENGINE_OPS_NEW_OBJECT_H_
#define PLYFS_ENGINE_OPS_NEW_OBJECT_H_

#include <functional>

#include "engine/ops/parts.h"

namespace plyfs {

// A name that is free in the merged tree, kept so until this goes.
struct FreeName {
  Exclusion::Hold hold;
  InodeRef dir;
  SharedFd upper;         // the directory in upper
  Trust trust;            // from before anything is made
  bool whiteout = false;  // upper holds a whiteout there, as far as LookAtUpper has seen
};

// EINVAL: to whoever reads whiteouts by name, it would be one (O5).
Status CheckNewName(const Parts& parts, Name name);
// Whether something may be made there; nothing is copied up.  EINVAL; EEXIST; EROFS; ENOENT: the directory
// was removed.
Status CheckFreeName(Parts& parts, const InodeRef& dir, Name name);
// Likewise, and copies the directory up.  What upper holds there is not asked: to make something tells.
Result<FreeName> TakeFreeName(Parts& parts, const InodeRef& dir, Name name);
// Whether upper holds a whiteout there.  EEXIST, ESTALE: something was put there by hand.
Status LookAtUpper(Parts& parts, FreeName& place, Name name);

struct NewObject {
  uint32_t type = 0;    // S_IFMT bits
  uint32_t mode = 0;    // permission bits; the caller's umask is applied where there is no default ACL
  bool opaque = false;  // directories: hides what lies below although no whiteout is there (N6)
  // Makes the object as `name` in `dir` with `mode`.  EEXIST, and nothing done, where anything is.
  std::function<Status(int dir, const char* name, uint32_t mode)> make;
};

// The object is in upper when this returns.  EEXIST, ESTALE: something was put there by hand.
Status PlaceNew(Parts& parts, const Caller& caller, FreeName& place, Name name, const NewObject& object);

// Moves what was prepared in W/work to the free name, over its whiteout if there is one.
Status MoveIntoPlace(const FreeName& place, Name name, WorkTemp temp, bool is_dir);

// The tree learns of an object that stands in upper under `name` since now, of which `st` was read.
Entry PublishNew(Parts& parts, const FreeName& place, Name name, const struct statx& st,
                 InodeRef* made = nullptr);
// Likewise; asks upper what it is.
Result<Entry> PublishNamed(Parts& parts, const FreeName& place, Name name);

// All of it, for an object that nothing else is done with.
Result<Entry> MakeNew(Parts& parts, const Caller& caller, FreeName& place, Name name,
                      const NewObject& object);

// A directory hides what lies below it.  EIO where the filesystem keeps no xattrs (M19;
// fs/overlayfs/dir.c:ovl_set_opaque).
Status MarkOpaque(Parts& parts, int dir);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_NEW_OBJECT_H_
