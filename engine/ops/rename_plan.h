// RenamePlan: what a rename will do to upper, decided before anything is changed (semantics R, N14).
//
// Part of rename.cc; lives on its thread's stack.
#ifndef PLYFS_ENGINE_OPS_RENAME_PLAN_H_
#define PLYFS_ENGINE_OPS_RENAME_PLAN_H_

#include <vector>

#include "engine/ops/parts.h"

namespace plyfs {

// One end of a rename: a name of a directory and what is there.
struct RenameEnd {
  InodeRef dir;
  Name name;
  InodeRef inode;  // null: nothing visible
  SharedFd upper;  // the directory in upper
  Trust trust;     // from before anything is changed
};

struct RenamePlan {
  RenameEnd from;
  RenameEnd to;
  bool exchange = false;
  std::vector<Exclusion::Hold> holds;

  // How upper is changed, when nothing is exchanged.
  bool target_is_whiteout = false;  // upper holds one at the target's name
  bool target_in_upper = false;     // upper holds an object there
  bool leave_whiteout = false;      // the layers below hold the source's name (R4, R5)
};

// Looks both names up and refuses what cannot be, before anything is copied up: EEXIST, ENOENT, EISDIR,
// ENOTDIR, ENOTEMPTY; EXDEV for a directory that has lower members where redirect_dir is not on (R9, R13).
Status CheckRename(Parts& parts, RenamePlan* plan, bool no_replace);

// Copies up what the rename needs and takes both directories' change states; the names are checked again.
Status PrepareRename(Parts& parts, RenamePlan* plan, bool no_replace);

// Writes the records that keep a directory's meaning at its new place: a redirect where it has lower members,
// opaque where it has none and its new parent is merged (R9, R10, R16).
Status RecordMove(Parts& parts, const RenameEnd& moved, const RenameEnd& destination);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_RENAME_PLAN_H_
