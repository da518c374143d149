#include "engine/layer/index_memory.h"

namespace plyfs {

void IndexMemory::Charge(IndexShelf* shelf, uint32_t place, size_t bytes) {
  MutexLock lock(mu_);
  ring_.push_back(Item{shelf, place, bytes});
  total_ += bytes;
  // Twice round: whoever is used all the time must not keep the hand going for ever.
  for (size_t steps = ring_.size() * 2; total_ > limit_ && steps > 0; --steps) {
    hand_ = hand_ < ring_.size() ? hand_ : 0;
    Item& item = ring_[hand_];
    if (!item.shelf->DropUnused(item.place)) {
      ++hand_;
      continue;
    }
    total_ -= item.bytes;
    item = ring_.back();
    ring_.pop_back();
  }
}

size_t IndexMemory::bytes() const {
  MutexLock lock(mu_);
  return total_;
}

}  // namespace plyfs
