#include "engine/ops/whereabouts.h"

#include "engine/base/asked_layer.h"
#include "engine/ops/parts.h"

namespace plyfs {
namespace {

std::string PathOf(InodeRef at) {
  std::string path;
  while (at->id() != kRootNode) {
    std::optional<InodeName> name = at->AnyName();
    if (!name) return "?" + path;
    path = "/" + name->name + path;
    at = name->parent;
  }
  return path.empty() ? "/" : path;
}

LayerId LayerOf(const Inode& inode) {
  if (inode.is_upper()) return kUpper;
  if (inode.is_dir()) {
    DirLowers lowers = inode.lowers();
    return lowers.empty() ? AskedLayer::kNone : lowers.layer(0);
  }
  LowerAnchor data = inode.data();
  LowerAnchor anchor = data.exists() ? data : inode.lower();
  return anchor.exists() ? anchor.layer : AskedLayer::kNone;
}

std::string LayerText(const LayerStack& stack, LayerId layer) {
  if (layer == kUpper) return stack.upper() ? "upperdir=" + stack.upper()->path() : std::string();
  if (layer < 0) return {};
  const char* option = layer < stack.lower_count() ? "lowerdir=" : "datadir=";
  return option + stack.lower(layer).path();
}

}  // namespace

Whereabouts Describe(Parts& parts, NodeId node, LayerId asked) {
  InodeRef inode = parts.tree.inodes.Find(node);
  if (!inode) return Whereabouts{"?", LayerText(*parts.stack, asked)};
  return Whereabouts{PathOf(inode),
                     LayerText(*parts.stack, asked == AskedLayer::kNone ? LayerOf(*inode) : asked)};
}

}  // namespace plyfs
