#include "engine/io/spare_descriptors.h"

#include <sched.h>
#include <time.h>

#include <array>
#include <atomic>

namespace plyfs {
namespace {

// Three a mount; only tests have more than one.
constexpr int kMostKeepers = 48;
constexpr int kWaits = 8;  // of 1, 2, 4, ... ms

struct Place {
  std::atomic<bool> taken = false;
  void* keeper = nullptr;
  SpareDescriptors::Turn turn = SpareDescriptors::Turn::kFirst;
  std::atomic<SpareDescriptors::GiveUp> give_up = nullptr;
  std::atomic<int> asking = 0;  // threads that may be calling it
};

constinit std::array<Place, kMostKeepers> places;

void Ask(bool all) {
  for (Place& place : places) {
    // Before it is looked at: who leaves waits for those that have seen it.
    place.asking.fetch_add(1);
    SpareDescriptors::GiveUp give_up = place.give_up.load();
    if (give_up && (all || place.turn == SpareDescriptors::Turn::kFirst)) give_up(place.keeper);
    place.asking.fetch_sub(1);
  }
}

}  // namespace

SpareDescriptors::SpareDescriptors(void* keeper, GiveUp give_up, Turn turn) : place_(-1) {
  for (int i = 0; i < kMostKeepers; ++i) {
    Place& place = places[static_cast<size_t>(i)];
    if (place.taken.exchange(true)) continue;
    place.keeper = keeper;
    place.turn = turn;
    place.give_up.store(give_up);
    place_ = i;
    return;
  }
}

SpareDescriptors::~SpareDescriptors() {
  if (place_ < 0) return;
  Place& place = places[static_cast<size_t>(place_)];
  place.give_up.store(nullptr);
  while (place.asking.load() != 0) ::sched_yield();
  place.taken.store(false);
}

bool sys::MakeRoomForDescriptors(int attempt) {
  if (attempt > kWaits) return false;
  if (attempt > 0) {
    const timespec pause = {.tv_sec = 0, .tv_nsec = 1'000'000L << (attempt - 1)};
    ::nanosleep(&pause, nullptr);
  }
  Ask(/*all=*/attempt > 0);
  return true;
}

}  // namespace plyfs
