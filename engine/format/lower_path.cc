#include "engine/format/lower_path.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace plyfs {

LowerPath::Node* LowerPath::Ref(Node* node) {
  if (node) node->refs.fetch_add(1, std::memory_order_relaxed);
  return node;
}

void LowerPath::Unref(Node* node) {
  // A loop, not recursion: a hostile layer chooses the depth.
  while (node && node->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    Node* parent = node->parent;
    node->~Node();
    std::free(node);
    node = parent;
  }
}

LowerPath LowerPath::Child(std::string_view name) const {
  void* memory = std::malloc(std::max(sizeof(Node), Node::kNameAt + name.size()));
  if (!memory) std::abort();
  Node* node = new (memory) Node;
  node->refs.store(1, std::memory_order_relaxed);
  node->name_size = static_cast<uint16_t>(name.size());
  node->parent = Ref(node_);
  std::memcpy(node->name(), name.data(), name.size());
  return LowerPath(node);
}

LowerPath LowerPath::FromString(std::string_view path) {
  LowerPath at;
  while (!path.empty()) {
    size_t slash = path.find('/');
    std::string_view part = path.substr(0, slash);
    path = slash == path.npos ? std::string_view() : path.substr(slash + 1);
    if (!part.empty() && part != ".") at = at.Child(part);
  }
  return at;
}

std::string_view LowerPath::last() const {
  return node_ ? std::string_view(node_->name(), node_->name_size) : std::string_view();
}

LowerPath LowerPath::Parent() const {
  return LowerPath(Ref(node_->parent));
}

std::string LowerPath::ToString() const {
  if (!node_) return ".";
  size_t size = node_->name_size;
  for (const Node* n = node_->parent; n; n = n->parent) size += n->name_size + 1u;
  std::string path(size, '/');
  size_t end = path.size();
  for (Node* n = node_; n; n = n->parent) {
    end -= n->name_size;
    std::memcpy(path.data() + end, n->name(), n->name_size);
    if (n->parent) --end;
  }
  return path;
}

}  // namespace plyfs
