// LowerPath: a path beneath a layer's root, by links to the parent's path, so that a tree of paths costs its
// names once.  Immutable and counted; any thread.
#ifndef PLYFS_ENGINE_FORMAT_LOWER_PATH_H_
#define PLYFS_ENGINE_FORMAT_LOWER_PATH_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace plyfs {

class LowerPath {
 public:
  // The layer's root.
  LowerPath() = default;
  // From "a/b/c"; "" and "." are the root.
  static LowerPath FromString(std::string_view path);

  LowerPath Child(std::string_view name) const;
  bool is_root() const { return node_ == nullptr; }
  std::string_view last() const;
  // REQUIRES: !is_root().
  LowerPath Parent() const;
  // "a/b/c", or "." for the root: what openat2 beneath the layer's root takes.
  std::string ToString() const;

  friend bool operator==(const LowerPath& a, const LowerPath& b) {
    return a.node_ == b.node_ || a.ToString() == b.ToString();
  }

  // Not only equal: both are copies of one.
  bool IsSameCopy(const LowerPath& other) const { return node_ == other.node_; }

  LowerPath(const LowerPath& other) : node_(Ref(other.node_)) {}
  LowerPath(LowerPath&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  LowerPath& operator=(LowerPath other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~LowerPath() { Unref(node_); }

 private:
  // There are millions of these: the name begins right behind the last field, where padding would be.
  struct Node {
    Node* parent;
    std::atomic<uint32_t> refs;
    uint16_t name_size;
    static constexpr size_t kNameAt = sizeof(Node*) + sizeof(uint32_t) + sizeof(uint16_t);
    char* name() { return reinterpret_cast<char*>(this) + kNameAt; }
  };
  explicit LowerPath(Node* node) : node_(node) {}
  static Node* Ref(Node* node);
  static void Unref(Node* node);

  Node* node_ = nullptr;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_LOWER_PATH_H_
