#include "bench/engine/layer_tree.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>

namespace plyfs::bench {
namespace {

constexpr int kFiles = 4000;

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "bench_engine: %s\n", why.c_str());
  std::exit(1);
}

}  // namespace

LayerTree::LayerTree(int layers, int files) : layers_(layers) {
  std::string folder = "/dev/shm/plyfs-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) Fail("cannot make " + folder);
  root_ = folder;
  for (int i = 0; i < layers; ++i) std::filesystem::create_directories(root_ / std::to_string(i) / "d");
  std::filesystem::create_directories(root_ / "u");
  std::filesystem::create_directories(root_ / "w");
  for (int i = 0; i < files; ++i) {
    files_.push_back("file" + std::to_string(i));
    std::ofstream(root_ / std::to_string(i % layers) / "d" / files_.back()).put('x');
  }
}

LayerTree::~LayerTree() {
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

LayerTree& LayerTree::Of(int layers) {
  static std::map<int, std::unique_ptr<LayerTree>> made;
  std::unique_ptr<LayerTree>& tree = made[layers];
  if (tree == nullptr) tree = std::make_unique<LayerTree>(layers, std::max(kFiles, layers));
  return *tree;
}

std::unique_ptr<UnionFs> LayerTree::Open(LowerMode lower) const {
  StackConfig config;
  for (int i = 0; i < layers_; ++i) config.lowerdirs.push_back(root_ / std::to_string(i));
  config.upperdir = root_ / "u";
  config.workdir = root_ / "w";
  config.lower = lower;
  std::string line;
  auto opened = UnionFs::Open(config, &line);
  if (!opened.ok()) Fail(line);
  return *std::move(opened);
}

NodeId FindDirectory(UnionFs& fs) {
  const auto entry = fs.Lookup(Caller(), kRootNode, Name::Trusted("d"));
  if (!entry.ok() || entry->node == 0) Fail("the directory is not there");
  return entry->node;
}

}  // namespace plyfs::bench
