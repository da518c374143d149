// LayerStack::TakeIndices: which layers have an index that may be used.
#include <cstring>

#include "engine/base/log.h"
#include "engine/layer/index_file.h"
#include "engine/layer/layer_stack.h"

namespace plyfs {

Status LayerStack::TakeIndices(const StackConfig& config, size_t most, size_t memory,
                               std::string* error_line) {
  if (config.index_dir.empty()) return OkStatus();
  std::string why;
  Result<UniqueFd> folder = OpenIndexFolder(config.index_dir, &why);
  if (folder.error() == ENOENT || folder.error() == ENOTDIR) {
    *error_line = "index_dir=" + config.index_dir + ": " + std::strerror(folder.error()) +
                  "; name the directory that plyctl index wrote to";
    return folder.status();
  }
  if (!folder.ok()) {
    Logf("index_dir=%s: not used: %s", config.index_dir.c_str(), why.c_str());
    return OkStatus();
  }
  index_memory_ = std::make_unique<IndexMemory>(memory);
  const bool frozen = config.lower == LowerMode::kFrozen;
  const IndexFile::Terms terms{frozen, !config.userxattr};
  LayerId taken = 0;
  for (LayerId id = 0; id < lower_count_ && static_cast<size_t>(id) < most; ++id) {
    Layer& layer = *lowers_[static_cast<size_t>(id)];
    why.clear();
    layer.index_ = IndexFile::Open(folder->get(), layer, terms, index_memory_.get(), &why);
    layer.index_is_trusted_ = frozen;
    if (layer.index_) ++taken;
    if (!why.empty()) {
      Logf("index_dir: the index of lowerdir=%s is not used: %s", layer.path().c_str(), why.c_str());
    }
  }
  indexed_ = frozen && taken == lower_count_;
  return OkStatus();
}

}  // namespace plyfs
