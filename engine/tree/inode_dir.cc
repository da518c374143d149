// What only directories have: lower members, listing, watch word, rent.
#include <algorithm>
#include <cstdlib>

#include "engine/base/bug.h"
#include "engine/tree/inode.h"
#include "engine/tree/inode_table.h"

namespace plyfs {

void Inode::EndAsNoDirectory() {
  (void)PLY_BUG("a file asked for what only directories have");
  std::abort();
}

void Inode::NoteChangedByHand(uint32_t now_s) {
  TinyLock lock(mu_);
  dir().changed_by_hand_s = now_s;
}

uint32_t Inode::changed_by_hand_s() const {
  TinyLock lock(mu_);
  return dir().changed_by_hand_s;
}

DirLowers Inode::lowers() const {
  TinyLock lock(mu_);
  return dir().lowers;
}

bool Inode::merged() const {
  TinyLock lock(mu_);
  return !dir().lowers.empty();
}

LayerSetRef Inode::filled() const {
  TinyLock lock(mu_);
  return dir().filled;
}

void Inode::SetFilled(LayerSetRef layers) {
  TinyLock lock(mu_);
  std::swap(dir().filled, layers);
}

void Inode::SetLowers(DirLowers lowers) {
  LayerSetRef filled;
  {
    TinyLock lock(mu_);
    std::swap(dir().lowers, lowers);
    std::swap(dir().filled, filled);
  }
  ResetWatch();
}

Inode::SeenCopies Inode::seen_copies() const {
  TinyLock lock(mu_);
  return dir().seen;
}

void Inode::SetSeenCopies(const SeenCopies& seen) {
  TinyLock lock(mu_);
  dir().seen = seen;
}

void Inode::ResetWatch() {
  if (!is_dir()) return;
  uint32_t first = table().first_watch_word();
  uint32_t word = dir_words().watch.load(std::memory_order_relaxed);
  while (
      !dir_words().watch.compare_exchange_weak(word, ((word | 3) + 1) | first, std::memory_order_acq_rel)) {
  }
}

std::shared_ptr<MergedDir> Inode::listing() const {
  TinyLock lock(mu_);
  return dir().listing;
}

bool Inode::PublishListing(std::shared_ptr<MergedDir> made, uint64_t version) {
  TinyLock lock(mu_);
  if (dir().version != version) return false;
  if (dir().listing) dir().next_cookie = std::max(dir().next_cookie, dir().listing->next_cookie());
  dir().listing = std::move(made);
  return true;
}

uint64_t Inode::listing_version() const {
  TinyLock lock(mu_);
  return dir().version;
}

void Inode::DropListing() {
  std::shared_ptr<MergedDir> dropped;
  TinyLock lock(mu_);
  ++dir().version;
  if (dir().listing) dir().next_cookie = std::max(dir().next_cookie, dir().listing->next_cookie());
  dropped = std::move(dir().listing);
  dir().listing = nullptr;
}

namespace {

// Where so few layers hold the directory, asking is cheap for ever.
constexpr size_t kFewLayers = 3;
constexpr unsigned kPriceStep = 2;
constexpr unsigned kHighestShift = 32;

}  // namespace

void Inode::PayRent(uint64_t layers_asked) {
  TinyLock lock(mu_);
  dir().rent += layers_asked;
}

bool Inode::RentIsDue(bool whatever_it_costs, uint64_t* price) {
  TinyLock lock(mu_);
  if (dir().listing) return false;
  *price = std::max<uint64_t>(1, dir().lowers.size() * kPriceOfReading) << dir().price_shift;
  if (whatever_it_costs && dir().price_shift == 0) return true;
  if (!whatever_it_costs && dir().lowers.size() <= kFewLayers) return false;
  if (dir().rent < *price) return false;
  dir().rent = 0;
  return true;
}

bool Inode::AskedLittle() const {
  TinyLock lock(mu_);
  return !dir().listing && dir().price_shift == 0 && dir().lowers.size() > kFewLayers &&
         dir().rent < dir().lowers.size() * kPriceOfReading;
}

void Inode::RaisePrice() {
  TinyLock lock(mu_);
  dir().price_shift = std::min(dir().price_shift + kPriceStep, kHighestShift);
}

Cookie Inode::next_cookie() const {
  TinyLock lock(mu_);
  return dir().listing ? std::max(dir().next_cookie, dir().listing->next_cookie()) : dir().next_cookie;
}

void Inode::ReserveCookies(Cookie next) {
  TinyLock lock(mu_);
  dir().next_cookie = std::max(dir().next_cookie, next);
}

}  // namespace plyfs
