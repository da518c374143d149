// WriteLayerIndex: reads a layer whole and writes its LayerIndex file.
//
// One thread; blocks on the layer and on the folder.  The walk stays beneath the layer's root, follows no
// symlink and crosses no mount.  The file takes the place of an older one when it is complete and synced.
#ifndef PLYFS_ENGINE_LAYER_INDEX_WRITER_H_
#define PLYFS_ENGINE_LAYER_INDEX_WRITER_H_

#include <cstdint>
#include <functional>
#include <string>

#include "engine/base/result.h"

namespace plyfs {

struct IndexProgress {
  uint64_t directories = 0;
  uint64_t entries = 0;
  uint64_t bytes = 0;  // of the file, once it is there
};

// `folder`: a descriptor of the directory for the file.  `told`: now and then.  Errors: *error_line is
// "WHAT: cause; remedy".
Result<IndexProgress> WriteLayerIndex(const std::string& layer, int folder,
                                      const std::function<void(const IndexProgress&)>& told,
                                      std::string* error_line);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_INDEX_WRITER_H_
