// IndexLowers: reads a directory's copies in the lower layers and folds them into one LowerIndex.
//
// Any thread; blocks on the layers.  Copies in many layers are opened and read side by side
// (io/side_by_side.h) and folded in their order.
#ifndef PLYFS_ENGINE_OPS_INDEX_LOWERS_H_
#define PLYFS_ENGINE_OPS_INDEX_LOWERS_H_

#include <memory>

#include "engine/layer/scan.h"
#include "engine/ops/parts.h"

namespace plyfs {

// What one reading of a directory is to do.
struct Reading {
  uint64_t most_names = ~uint64_t{0};
  // Not null: the directory is not watched yet, and each copy is marked before it is read.
  Coherence::Marking* marking = nullptr;
  // What the lookup has seen of the copies still holds, or will prove not to.
  bool as_seen = false;
  // Not null: takes the copies that were opened, as far as there is room for them.
  ReadCopies* keep = nullptr;
  // Becomes true where a number could not be learnt for now: what was read is not to be kept.
  bool* guessed = nullptr;
};

// More names than were asked for: no error of any layer.
inline constexpr int kTooMany = E2BIG;

// Null: the directory has no lower copies.  *xwhiteouts becomes true if files may be whiteouts in one of
// them.
Result<std::shared_ptr<const LowerIndex>> IndexLowers(Parts& parts, const Inode& dir, const Reading& reading,
                                                      bool* xwhiteouts);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_INDEX_LOWERS_H_
