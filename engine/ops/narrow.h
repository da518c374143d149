// Narrow: which layers need be asked for a name of a directory: those that the directory's listing names,
// where it is loaded; all that hold the directory, where it is not.
//
// Any thread; blocks only where it says so.
#ifndef PLYFS_ENGINE_OPS_NARROW_H_
#define PLYFS_ENGINE_OPS_NARROW_H_

#include "engine/ops/parts.h"

namespace plyfs {

// What the listing says of a name; nothing where there is none, or where nobody would tell of a change.
struct Listed {
  std::shared_ptr<MergedDir> listing;
  MergedDir::Held held;

  // Of a plain directory, the layers whose copies hold anything; null: not known.
  LayerSetRef filled() const { return held.entry ? listing->index()->filled(*held.entry) : nullptr; }
  // A fact: no layer has it.
  bool absent() const { return listing && !held.anyone(); }
};
Listed ListedName(const Tree& tree, Inode& dir, Name name);

// All layers that hold the name as a directory, at one path, and none of whose copies need be asked what it
// says of the merge.  Null: some must.
LayerSetRef PlainCopies(const DirLowers& of_dir, const Listed& listed);
// Whom to ask in the lower layers; of plain copies the topmost stands for all.  `dir` outlives the answer.
Lowers WhomToAsk(const Inode& dir, const Listed& listed);
// All members.
Lowers AllMembers(const Inode& dir);

// Whether finding the name out costs a few calls at most, however many layers there are.
bool IsCheap(const Inode& dir, const Listed& listed);

// Reads the directory whole if asking for its names has cost as much as that (blocks then).
void BuyIfDue(Parts& parts, const InodeRef& dir);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_NARROW_H_
