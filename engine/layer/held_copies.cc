#include "engine/layer/held_copies.h"

#include <algorithm>

namespace plyfs {

HeldCopies::Lease& HeldCopies::Lease::operator=(Lease&& other) noexcept {
  if (this == &other) return *this;
  Reset();
  home_ = std::exchange(other.home_, nullptr);
  room_ = std::exchange(other.room_, 0);
  opened_ = std::exchange(other.opened_, 0);
  copies_ = std::exchange(other.copies_, {});
  return *this;
}

void HeldCopies::Lease::Add(UniqueFd copy) {
  if (copy.valid()) ++opened_;
  copies_.push_back(std::move(copy));
}

void HeldCopies::Lease::Refill(std::vector<UniqueFd> copies) {
  copies_.clear();
  opened_ = 0;
  for (UniqueFd& copy : copies) Add(room() > 0 ? std::move(copy) : UniqueFd());
}

void HeldCopies::Lease::Reset() {
  copies_.clear();  // closed before their room is given away
  if (home_) home_->GiveBack(room_);
  home_ = nullptr;
  room_ = opened_ = 0;
}

void HeldCopies::GiveBack(size_t room) {
  MutexLock lock(mu_);
  taken_ -= room;
}

void HeldCopies::Reserve(size_t wanted, Lease* lease) {
  wanted = std::min(wanted, capacity_);
  std::vector<Lease> closing;  // after the lock, which gives their room back
  {
    MutexLock lock(mu_);
    size_t coming = 0;
    while (taken_ - coming + wanted > capacity_ && !order_.empty()) {
      auto [dir, serial] = order_.front();
      order_.pop_front();
      auto it = held_.find(dir);
      if (it == held_.end() || it->second.serial != serial) continue;
      coming += it->second.copies.room_;
      closing.push_back(std::move(it->second.copies));
      held_.erase(it);
    }
  }
  closing.clear();
  MutexLock lock(mu_);
  lease->room_ = std::min(wanted, capacity_ - taken_);
  lease->home_ = this;
  taken_ += lease->room_;
}

void HeldCopies::Put(NodeId dir, Lease copies) {
  if (copies.empty()) return;
  Lease before;
  MutexLock lock(mu_);
  taken_ -= std::exchange(copies.room_, copies.opened_) - copies.opened_;
  Entry& entry = held_[dir];
  before = std::exchange(entry.copies, std::move(copies));
  entry.serial = ++serial_;
  order_.emplace_back(dir, entry.serial);
  if (order_.size() > 2 * held_.size() + kFewGone) ForgetTaken();
}

void HeldCopies::ForgetTaken() {
  std::erase_if(order_, [&](const auto& put) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    auto it = held_.find(put.first);
    return it == held_.end() || it->second.serial != put.second;
  });
}

HeldCopies::Lease HeldCopies::Take(NodeId dir) {
  MutexLock lock(mu_);
  auto it = held_.find(dir);
  if (it == held_.end()) return Lease();
  Lease taken = std::move(it->second.copies);
  held_.erase(it);
  return taken;
}

void HeldCopies::Clear() {
  absl::flat_hash_map<NodeId, Entry> closing;  // after the lock, which gives their room back
  MutexLock lock(mu_);
  closing.swap(held_);
  order_.clear();
}

size_t HeldCopies::remembered() {
  MutexLock lock(mu_);
  return order_.size();
}

bool HeldCopies::Has(NodeId dir) {
  MutexLock lock(mu_);
  return held_.contains(dir);
}

int ReadCopies::Of(LayerId layer) const {
  auto at = std::lower_bound(layers.begin(), layers.end(), layer);
  if (at == layers.end() || *at != layer) return -1;
  return copies.fd(static_cast<size_t>(at - layers.begin()));
}

}  // namespace plyfs
