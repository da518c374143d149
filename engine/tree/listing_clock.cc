#include "engine/tree/listing_clock.h"

#include <utility>

namespace plyfs {
void ListingClock::Charge(const InodeRef& dir, size_t listing_bytes) {
  const size_t bytes = listing_bytes + kPerDirectory;
  std::vector<InodeRef> gone;  // references are dropped after the lock
  {
    MutexLock lock(mu_);
    auto [it, added] = places_.try_emplace(dir->id(), ring_.size());
    if (added) ring_.push_back(Item{dir, 0});
    Item& item = ring_[it->second];
    total_ += bytes - item.bytes;
    item.bytes = bytes;
    gone = Sweep();
  }
  // Removed meanwhile: whoever did that has called Drop, or will.
  if (dir->unlinked()) Drop(*dir);
  while (InodeRef victim = NextVictim()) {
    // One without a listing may be having it read: that is not to be disturbed.
    if (victim->listing()) victim->DropListing();
  }
}

std::vector<InodeRef> ListingClock::Sweep() {
  constexpr int kAtATime = 4;
  std::vector<InodeRef> gone;
  for (int i = 0; i < kAtATime && !ring_.empty(); ++i) {
    broom_ = broom_ < ring_.size() ? broom_ : 0;
    if (ring_[broom_].dir->listing()) {
      ++broom_;
    } else {
      gone.push_back(TakeOut(broom_));
    }
  }
  return gone;
}

void ListingClock::Drop(const Inode& dir) {
  InodeRef gone;  // dropped after the lock
  MutexLock lock(mu_);
  if (auto it = places_.find(dir.id()); it != places_.end()) gone = TakeOut(it->second);
}

size_t ListingClock::ReleaseForgotten() {
  std::vector<InodeRef> gone;
  {
    MutexLock lock(mu_);
    for (size_t place = 0; place < ring_.size();) {
      if (ring_[place].dir->lookups() == 0 && ring_[place].dir->opens() == 0) {
        gone.push_back(TakeOut(place));
      } else {
        ++place;
      }
    }
  }
  return gone.size();
}

InodeRef ListingClock::TakeOut(size_t place) {
  InodeRef dir = std::move(ring_[place].dir);
  total_ -= ring_[place].bytes;
  places_.erase(dir->id());
  if (place + 1 < ring_.size()) {
    ring_[place] = std::move(ring_.back());
    places_[ring_[place].dir->id()] = place;
  }
  ring_.pop_back();
  return dir;
}

InodeRef ListingClock::NextVictim() {
  MutexLock lock(mu_);
  while (total_ > limit_ && !ring_.empty()) {
    hand_ = hand_ < ring_.size() ? hand_ : 0;
    if (!ring_[hand_].dir->TakeListingUse()) return TakeOut(hand_);
    ++hand_;
  }
  return InodeRef();
}

size_t ListingClock::bytes() const {
  MutexLock lock(mu_);
  return total_;
}

}  // namespace plyfs
