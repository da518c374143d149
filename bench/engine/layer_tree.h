// LayerTree: a stack of layers for the microbenchmarks, on tmpfs, and a UnionFs over it without FUSE.
//
// Every layer holds the directory `d`; its files lie in one layer each, spread evenly.  One thread makes and
// removes it; the UnionFs may be called by any.
#ifndef PLYFS_BENCH_ENGINE_LAYER_TREE_H_
#define PLYFS_BENCH_ENGINE_LAYER_TREE_H_

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/format/stack_config.h"
#include "engine/union_fs/union_fs.h"

namespace plyfs::bench {

class LayerTree {
 public:
  LayerTree(int layers, int files);
  ~LayerTree();
  LayerTree(const LayerTree&) = delete;
  LayerTree& operator=(const LayerTree&) = delete;

  // The one of that size: made when first asked for, removed at the program's end.
  static LayerTree& Of(int layers);

  int layers() const { return layers_; }
  const std::vector<std::string>& files() const { return files_; }
  // Mounted afresh: nothing is known.  Ends the program if the engine refuses.
  std::unique_ptr<UnionFs> Open(LowerMode lower = LowerMode::kFrozen) const;

 private:
  const int layers_;
  std::filesystem::path root_;
  std::vector<std::string> files_;
};

// Node of the directory `d`; ends the program if there is none.
NodeId FindDirectory(UnionFs& fs);

}  // namespace plyfs::bench

#endif  // PLYFS_BENCH_ENGINE_LAYER_TREE_H_
