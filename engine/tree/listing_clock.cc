#include "engine/tree/listing_clock.h"

namespace plyfs {

void ListingClock::Charge(const InodeRef& dir, size_t bytes) {
  {
    MutexLock lock(mu_);
    auto [it, added] = places_.try_emplace(dir->id(), ring_.size());
    if (added) ring_.push_back(Item{dir->id(), 0});
    Item& item = ring_[it->second];
    total_ += bytes - item.bytes;
    item.bytes = bytes;
  }
  while (InodeRef victim = NextVictim()) victim->DropListing();
}

InodeRef ListingClock::NextVictim() {
  MutexLock lock(mu_);
  while (total_ > limit_ && !ring_.empty()) {
    hand_ = hand_ < ring_.size() ? hand_ : 0;
    Item& item = ring_[hand_];
    InodeRef dir = inodes_.Find(item.node);
    if (dir && dir->TakeListingUse()) {
      ++hand_;
      continue;
    }
    total_ -= item.bytes;
    places_.erase(item.node);
    if (hand_ + 1 < ring_.size()) {
      item = ring_.back();
      places_[item.node] = hand_;
    }
    ring_.pop_back();
    if (dir && dir->listing()) return dir;
  }
  return InodeRef();
}

size_t ListingClock::bytes() const {
  MutexLock lock(mu_);
  return total_;
}

}  // namespace plyfs
