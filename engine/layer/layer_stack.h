// LayerStack: upper and lowers of one mount, opened and checked against each other.
//
// Owned by Parts; immutable once open.  Any thread.
#ifndef PLYFS_ENGINE_LAYER_LAYER_STACK_H_
#define PLYFS_ENGINE_LAYER_LAYER_STACK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "engine/format/stack_config.h"
#include "engine/format/xino.h"
#include "engine/layer/index_memory.h"
#include "engine/layer/layer.h"

namespace plyfs {

class LayerStack {
 public:
  // Opens every layer of `config`.  On failure *error_line is "OPTION VALUE: cause; remedy" and the errno
  // that of semantics section 1, "Errors for bad paths".
  static Result<std::unique_ptr<LayerStack>> Open(const StackConfig& config, std::string* error_line);

  // Takes the layers' indices from `config.index_dir`, those that may be taken; each other one gives a line
  // in the log.  At most `most` of them, each of which keeps a descriptor.  Once, before the first request.
  // Only a directory that is not there fails.
  Status TakeIndices(const StackConfig& config, size_t most, size_t memory, std::string* error_line);

  const Layer* upper() const { return upper_.get(); }
  // Lower layers that are searched by name are 0 .. lower_count()-1, data-only ones follow.
  LayerId lower_count() const { return lower_count_; }
  LayerId data_count() const { return static_cast<LayerId>(lowers_.size()) - lower_count_; }
  const Layer& lower(LayerId id) const { return *lowers_[static_cast<size_t>(id)]; }
  // kUpper or a lower.
  const Layer& layer(LayerId id) const { return id == kUpper ? *upper_ : lower(id); }

  // Whether every layer that is searched by name has an index that may be believed.
  bool indexed() const { return indexed_; }
  // What the indices hold in memory.
  size_t index_bytes() const { return index_memory_ ? index_memory_->bytes() : 0; }

  // The filesystems under the layers as InoMapper takes them, and which of them a device is; nothing for one
  // that no layer's root lies on (a subvolume inside a layer).
  const std::vector<FsKey>& filesystems() const { return filesystems_; }
  std::optional<size_t> FsIndex(uint64_t device) const;

 private:
  LayerStack() = default;
  void NumberFilesystems();
  Status CheckOverlaps(const StackConfig& config, std::string* error_line) const;

  std::unique_ptr<IndexMemory> index_memory_;  // of what the lowers' indices hold, so it goes after them
  std::unique_ptr<Layer> upper_;
  std::vector<std::unique_ptr<Layer>> lowers_;
  LayerId lower_count_ = 0;
  bool indexed_ = false;
  std::vector<FsKey> filesystems_;
  absl::flat_hash_map<uint64_t, size_t> fs_index_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<FsPace>> paces_;  // by device
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_LAYER_STACK_H_
