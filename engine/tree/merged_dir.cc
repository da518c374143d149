#include "engine/tree/merged_dir.h"

#include <algorithm>

namespace plyfs {

MergedDir::MergedDir(std::shared_ptr<const LowerIndex> index, Cookie first_cookie)
    : index_(std::move(index)), first_cookie_(first_cookie) {
  WriterLock lock(mu_);
  next_cookie_ = first_cookie + (index_ ? index_->size() : 0) + 1;
}

void MergedDir::Insert(std::string_view name, uint8_t type, uint64_t ino) {
  WriterLock lock(mu_);
  RemoveLocked(name);
  ++sequence_;
  current_.insert_or_assign(std::string(name), next_cookie_);
  deltas_.push_back(Delta{std::string(name), ino, next_cookie_, sequence_, kNever, type});
  ++next_cookie_;
}

void MergedDir::SetIno(std::string_view name, uint64_t ino) {
  client_has_it_.store(false, std::memory_order_release);
  WriterLock lock(mu_);
  if (auto it = current_.find(name); it != current_.end()) {
    auto at = std::lower_bound(deltas_.begin(), deltas_.end(), it->second,
                               [](const Delta& d, Cookie cookie) { return d.cookie < cookie; });
    at->ino = ino;
  } else if (index_) {
    if (auto i = index_->Find(Name::Trusted(name))) index_ino_[*i] = ino;
  }
}

void MergedDir::Remove(std::string_view name) {
  WriterLock lock(mu_);
  RemoveLocked(name);
}

void MergedDir::RemoveLocked(std::string_view name) {
  ++sequence_;
  if (auto it = current_.find(name); it != current_.end()) {
    auto at = std::lower_bound(deltas_.begin(), deltas_.end(), it->second,
                               [](const Delta& d, Cookie cookie) { return d.cookie < cookie; });
    at->died = sequence_;
    current_.erase(it);
    ++dead_;
    CompactLocked();
    return;
  }
  if (!index_) return;
  if (auto i = index_->Find(Name::Trusted(name))) index_died_.try_emplace(*i, sequence_);
}

void MergedDir::CompactLocked() {
  if (dead_ < compact_at_ || dead_ * 2 <= deltas_.size()) return;
  uint64_t oldest = views_.empty() ? sequence_ : *views_.begin();
  size_t before = deltas_.size();
  std::erase_if(deltas_, [&](const Delta& d) { return d.died <= oldest; });
  dead_ -= before - deltas_.size();
  if (deltas_.size() * 4 < deltas_.capacity()) {
    deltas_.shrink_to_fit();
    current_.rehash(0);
  }
  // What an old view still needs stays; no second attempt before as many again have died.
  compact_at_ = std::max(kLeastDead, 2 * dead_);
}

uint64_t MergedDir::PinView() {
  WriterLock lock(mu_);
  views_.insert(sequence_);
  return sequence_;
}

void MergedDir::UnpinView(uint64_t view) {
  WriterLock lock(mu_);
  if (auto it = views_.find(view); it != views_.end()) views_.erase(it);
}

std::vector<MergedDir::Row> MergedDir::Read(uint64_t view, Cookie after, size_t limit) const {
  std::vector<Row> rows;
  ReaderLock lock(mu_);
  size_t n = index_ ? index_->size() : 0;
  Cookie at = std::max(after, first_cookie_) - first_cookie_;
  rows.reserve(std::min<size_t>(limit, (n > at ? n - at : 0) + deltas_.size()));
  // Mostly nothing was changed since it was read.
  const bool any_died = !index_died_.empty(), any_other = !index_ino_.empty();
  for (size_t i = at; i < n && rows.size() < limit; ++i) {
    if (any_died) {
      auto died = index_died_.find(static_cast<uint32_t>(i));
      if (died != index_died_.end() && died->second <= view) continue;
    }
    const LowerIndex::Entry& e = index_->entry(i);
    uint64_t ino = e.ino;
    if (any_other) {
      auto other = index_ino_.find(static_cast<uint32_t>(i));
      if (other != index_ino_.end()) ino = other->second;
    }
    rows.push_back(Row{std::string(index_->name(i)), ino, e.type, first_cookie_ + i + 1});
  }
  auto it = std::upper_bound(deltas_.begin(), deltas_.end(), after,
                             [](Cookie cookie, const Delta& d) { return cookie < d.cookie; });
  for (; it != deltas_.end() && rows.size() < limit; ++it) {
    if (it->born <= view && view < it->died) rows.push_back(Row{it->name, it->ino, it->type, it->cookie});
  }
  return rows;
}

MergedDir::Held MergedDir::Find(const Name& name) const {
  Held held;
  std::optional<uint32_t> i = index_ ? index_->Find(name) : std::nullopt;
  if (i) held.entry = &index_->entry(*i);
  ReaderLock lock(mu_);
  held.upper = !current_.empty() && current_.contains(name.bytes());
  held.lower = i && (index_died_.empty() || !index_died_.contains(*i));
  return held;
}

size_t MergedDir::bytes() const {
  ReaderLock lock(mu_);
  constexpr size_t kDelta = sizeof(Delta) + sizeof(std::pair<std::string, Cookie>) + 16;
  constexpr size_t kDied = sizeof(std::pair<uint32_t, uint64_t>) + 1;
  return sizeof *this + (index_ ? index_->bytes() : 0) + deltas_.capacity() * kDelta +
         (index_died_.capacity() + index_ino_.capacity()) * kDied;
}

size_t MergedDir::count() const {
  ReaderLock lock(mu_);
  return current_.size() + (index_ ? index_->size() : 0) - index_died_.size();
}

Cookie MergedDir::next_cookie() const {
  ReaderLock lock(mu_);
  return next_cookie_;
}

}  // namespace plyfs
