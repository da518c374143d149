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
  while (InodeRef victim = NextVictim()) {
    // One without a listing may be having it read: that is not to be disturbed.
    if (victim->listing()) victim->DropListing();
  }
}

InodeRef ListingClock::NextVictim() {
  std::vector<InodeRef> passed;  // references are dropped after the lock
  MutexLock lock(mu_);
  while (total_ > limit_ && !ring_.empty()) {
    hand_ = hand_ < ring_.size() ? hand_ : 0;
    Item& item = ring_[hand_];
    InodeRef dir = inodes_.Find(item.node);
    if (dir && dir->TakeListingUse()) {
      ++hand_;
      passed.push_back(std::move(dir));
      continue;
    }
    total_ -= item.bytes;
    places_.erase(item.node);
    if (hand_ + 1 < ring_.size()) {
      item = ring_.back();
      places_[item.node] = hand_;
    }
    ring_.pop_back();
    if (dir) return dir;
  }
  return InodeRef();
}

size_t ListingClock::bytes() const {
  MutexLock lock(mu_);
  return total_;
}

}  // namespace plyfs
