// IndexMemory: what has been read of the LayerIndex files of one mount, and which of it goes when it is too
// much.
//
// Owned by LayerStack, outlives nothing that it names; any thread.  Second chance, as ListingClock: what was
// used since the hand last came by stays for another round.  What goes is read again when it is next needed.
#ifndef PLYFS_ENGINE_LAYER_INDEX_MEMORY_H_
#define PLYFS_ENGINE_LAYER_INDEX_MEMORY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/mutex.h"

namespace plyfs {

// One block or page, checked; immutable but for the mark that it was used.
template <typename T>
struct IndexPiece {
  explicit IndexPiece(T what) : value(std::move(what)) {}
  const T value;
  mutable std::atomic<bool> used{true};

  void NoteUse() const {
    if (!used.load(std::memory_order_relaxed)) used.store(true, std::memory_order_relaxed);
  }
};

// Where pieces are kept: the numbered places of one file.
class IndexShelf {
 public:
  virtual ~IndexShelf() = default;
  // False: it was used lately (and counts as unused from now on).
  virtual bool DropUnused(uint32_t place) = 0;
};

class IndexMemory {
 public:
  explicit IndexMemory(size_t limit) : limit_(limit) {}

  // A piece of so many bytes stands in a place of the shelf.  Drops others until what is left fits, or
  // everything but this has had its second chance.
  void Charge(IndexShelf* shelf, uint32_t place, size_t bytes);
  size_t bytes() const;

 private:
  struct Item {
    IndexShelf* shelf = nullptr;
    uint32_t place = 0;
    size_t bytes = 0;
  };

  const size_t limit_;
  mutable Mutex mu_{LockRank::kIndexMemory};
  std::vector<Item> ring_ ABSL_GUARDED_BY(mu_);
  size_t hand_ ABSL_GUARDED_BY(mu_) = 0;
  size_t total_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_INDEX_MEMORY_H_
