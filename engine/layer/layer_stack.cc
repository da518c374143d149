#include "engine/layer/layer_stack.h"

#include <fcntl.h>

#include <cstring>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "engine/base/string_map.h"

namespace plyfs {
namespace {

Errno Refuse(std::string* line, const char* option, const std::string& value, Errno error, const char* cause,
             const char* remedy) {
  *line = std::string(option) + "=" + value + ": " + cause + "; " + remedy;
  return error;
}

Result<std::unique_ptr<Layer>> OpenLayer(LayerId id, const char* option, const std::string& path,
                                         std::string* line) {
  Result<std::unique_ptr<Layer>> layer = Layer::Open(id, path);
  if (layer.ok()) return layer;
  switch (layer.error()) {
    case ENOENT:
      return Refuse(line, option, path, Errno(ENOENT), "no such directory", "create it or correct the path");
    case ENOTDIR:
      return Refuse(line, option, path, Errno(EINVAL), "not a directory", "name a directory");
    case EMFILE:
    case ENFILE:
      return Refuse(line, option, path, layer.status(), std::strerror(layer.error()),
                    "raise the limit of open files (ulimit -Hn): each layer takes one");
    default:
      return Refuse(line, option, path, layer.status(), std::strerror(layer.error()),
                    "make the directory accessible");
  }
}

}  // namespace

Result<std::unique_ptr<LayerStack>> LayerStack::Open(const StackConfig& config, std::string* error_line) {
  std::unique_ptr<LayerStack> stack(new LayerStack);
  if (config.lowerdirs.empty()) {
    return Refuse(error_line, "lowerdir", "", Errno(EINVAL), "no lower layer", "name at least one directory");
  }
  if (config.has_upper()) {
    PLY_TRY(stack->upper_, OpenLayer(kUpper, "upperdir", config.upperdir, error_line));
  }
  stack->lowers_.reserve(config.lowerdirs.size() + config.datadirs.size());
  LayerId id = 0;
  for (const std::string& path : config.lowerdirs) {
    PLY_TRY(auto layer, OpenLayer(id++, "lowerdir", path, error_line));
    stack->lowers_.push_back(std::move(layer));
  }
  stack->lower_count_ = id;
  for (const std::string& path : config.datadirs) {
    PLY_TRY(auto layer, OpenLayer(id++, "datadir", path, error_line));
    stack->lowers_.push_back(std::move(layer));
  }
  PLY_CHECK(stack->CheckOverlaps(config, error_line));
  stack->NumberFilesystems();
  return stack;
}

void LayerStack::NumberFilesystems() {
  if (upper_) {
    filesystems_.push_back(FsKey{upper_->uuid(), 0});
    fs_index_.emplace(upper_->device(), 0);
  } else {
    filesystems_.push_back(FsKey());
  }
  for (const auto& lower : lowers_) {
    auto [it, fresh] = fs_index_.emplace(lower->device(), filesystems_.size());
    // Two devices of one filesystem are two subvolumes of it (btrfs): number spaces of their own.
    if (fresh) filesystems_.push_back(FsKey{lower->uuid(), lower->subvolume()});
    std::unique_ptr<FsPace>& pace = paces_[lower->device()];
    if (!pace) pace = std::make_unique<FsPace>(lower->slow());
    lower->pace_ = pace.get();
  }
}

std::optional<size_t> LayerStack::FsIndex(uint64_t device) const {
  auto it = fs_index_.find(device);
  if (it == fs_index_.end()) return std::nullopt;
  return it->second;
}

// Upper may lie inside a lower; every other overlap makes a layer see its own copies
// (fs/overlayfs/super.c:ovl_check_layer).
Status LayerStack::CheckOverlaps(const StackConfig& config, std::string* error_line) const {
  absl::flat_hash_map<ObjectId, const Layer*> roots;
  StringMap<const Layer*> by_path;
  std::vector<std::string> paths;
  paths.reserve(lowers_.size());
  if (upper_) {
    roots.emplace(upper_->root_id(), upper_.get());
    by_path.emplace(upper_->CanonicalPath(), upper_.get());
  }
  std::unique_ptr<Layer> work;
  if (config.has_upper()) {
    if (Result<std::unique_ptr<Layer>> opened = Layer::Open(kUpper, config.workdir); opened.ok()) {
      work = *std::move(opened);
      roots.emplace(work->root_id(), work.get());
      by_path.emplace(work->CanonicalPath(), work.get());
    }
  }
  for (const auto& lower : lowers_) {
    if (auto [it, fresh] = roots.emplace(lower->root_id(), lower.get()); !fresh) {
      const char* cause = it->second == upper_.get() ? "is the upper directory too"
                          : it->second == work.get() ? "is the work directory too"
                                                     : "is there twice";
      return Refuse(error_line, "lowerdir", lower->path(), Errno(ELOOP), cause, "give each layer once");
    }
    paths.push_back(lower->CanonicalPath());
    by_path.emplace(paths.back(), lower.get());
  }
  for (size_t i = 0; i < paths.size(); ++i) {
    std::string_view at = paths[i];
    while (at.size() > 1) {
      at = at.substr(0, at.rfind('/'));
      if (at.empty()) at = "/";
      auto it = by_path.find(at);
      if (it == by_path.end()) continue;
      std::string cause = "lies inside the layer " + it->second->path();
      return Refuse(error_line, "lowerdir", lowers_[i]->path(), Errno(ELOOP), cause.c_str(),
                    "choose layers that do not contain each other");
    }
  }
  return OkStatus();
}

}  // namespace plyfs
