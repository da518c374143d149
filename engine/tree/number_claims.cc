#include "engine/tree/number_claims.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace plyfs {

bool NumberClaims::Claim(uint64_t number, const ObjectId& object) {
  SweepIfDue();
  ObjectId before;  // an owner that is gone
  for (;;) {
    ObjectId owner;
    {
      MutexLock lock(mu_);
      if (auto pinned = pinned_.find(number); pinned != pinned_.end()) return pinned->second == object;
      ObjectId& entry = owners_[number];
      if (!entry.known() || entry == object || entry == before) {
        entry = object;
        return true;
      }
      owner = entry;
    }
    // Not under the lock: to let go of the inode may take others.
    if (inodes_.FindObject(owner)) return false;
    before = owner;
  }
}

void NumberClaims::Pin(uint64_t number, const ObjectId& object) {
  MutexLock lock(mu_);
  pinned_[number] = object;
}

void NumberClaims::Take(uint64_t number, const ObjectId& object) {
  SweepIfDue();
  MutexLock lock(mu_);
  owners_[number] = object;
  if (auto pinned = pinned_.find(number); pinned != pinned_.end()) pinned->second = object;
}

size_t NumberClaims::size() const {
  MutexLock lock(mu_);
  return owners_.size();
}

void NumberClaims::SweepIfDue() {
  std::vector<std::pair<uint64_t, ObjectId>> claims;
  {
    MutexLock lock(mu_);
    if (owners_.size() < sweep_at_) return;
    sweep_at_ = ~size_t{0};  // one at a time
    claims.assign(owners_.begin(), owners_.end());
  }
  std::erase_if(claims,
                [this](const auto& claim) { return static_cast<bool>(inodes_.FindObject(claim.second)); });
  MutexLock lock(mu_);
  for (const auto& [number, gone] : claims) {
    if (auto it = owners_.find(number); it != owners_.end() && it->second == gone) owners_.erase(it);
  }
  sweep_at_ = std::max(kFew, owners_.size() * 2);
}

}  // namespace plyfs
