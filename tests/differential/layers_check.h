// LayersCheck: layers that nobody changes, mounted read-only by plyfs and by the kernel with one set of
// options after another, must be one tree: what metacopy, nofollow, data-only layers and the user family make
// of the same records (semantics L8-L22, A6).
//
// One thread, root; leaves no mount behind.
#ifndef PLYFS_TESTS_DIFFERENTIAL_LAYERS_CHECK_H_
#define PLYFS_TESTS_DIFFERENTIAL_LAYERS_CHECK_H_

#include <optional>
#include <string>

#include "tests/differential/compare.h"
#include "tests/differential/mounter.h"
#include "tests/differential/world.h"

namespace plyfs::diff {

// `dirs` hold a world and are mounted by nobody; its upper is taken for the topmost lower.
std::optional<Difference> CheckLayers(const Dirs& dirs, const Against& against, const std::string& log_path,
                                      Masks* masks);

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_LAYERS_CHECK_H_
