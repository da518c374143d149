#include "engine/layer/copies_digest.h"

#include <algorithm>
#include <ctime>

#include "absl/hash/hash.h"
#include "engine/layer/object.h"

namespace plyfs {
namespace {

// Longer than any filesystem's tick.
constexpr int64_t kTickNs = 20'000'000;

}  // namespace

void CopiesDigest::Add(const struct statx& copy) {
  sum_ += absl::HashOf(ObjectIdOf(copy), copy.stx_ctime.tv_sec, copy.stx_ctime.tv_nsec);
  latest_ns_ =
      std::max<int64_t>(latest_ns_, copy.stx_ctime.tv_sec * int64_t{1'000'000'000} + copy.stx_ctime.tv_nsec);
}

void CopiesDigest::Add(const CopiesDigest& others) {
  sum_ += others.sum_;
  latest_ns_ = std::max(latest_ns_, others.latest_ns_);
}

uint64_t CopiesDigest::settled_value() const {
  struct timespec now = {};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  int64_t age = now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec - latest_ns_;
  // A time yet to come says nothing of when the change was.
  return age > kTickNs ? sum_ : 0;
}

}  // namespace plyfs
