// LoadListing: the merged listing of a directory, from the cache or else by reading it in every layer that
// holds it.
//
// Any thread; blocks on the layers on a miss; one load a directory at a time.
#ifndef PLYFS_ENGINE_OPS_LOAD_LISTING_H_
#define PLYFS_ENGINE_OPS_LOAD_LISTING_H_

#include <memory>

#include "engine/ops/parts.h"

namespace plyfs {

// `keep`: takes the copies that were opened for it, if any were and they are still the directory's.
Result<std::shared_ptr<MergedDir>> LoadListing(Parts& parts, const InodeRef& dir, ReadCopies* keep = nullptr);

// The same for who wants it for looking names up, if it has at most `most_names` in all layers together.
// False: it has more, or is not to be kept.
Result<bool> BuyListing(Parts& parts, const InodeRef& dir, uint64_t most_names);

// No visible entry is left (rmdir, rename over a directory; N9-N11).
Result<bool> ViewIsEmpty(Parts& parts, const InodeRef& dir);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_LOAD_LISTING_H_
