// HandOvers: counts the requests that changed threads, that is, were answered by another thread than read
// them.
//
// Owned by DevTransport; any thread.  Debug builds only: a release build counts nothing and says nothing.
#ifndef PLYFS_FUSE_HAND_OVERS_H_
#define PLYFS_FUSE_HAND_OVERS_H_

#include <atomic>
#include <cstdint>
#include <span>

namespace plyfs::fuse {

class HandOvers {
 public:
#ifdef PLYFS_DEBUG
  void Read(std::span<const char> request);
  void Answered(std::span<const char> reply);
  // One line into the log, if PLYFS_COUNT_HANDOVERS is set (tests/differential).
  void Report() const;
  uint64_t answered() const { return answered_.load(std::memory_order_relaxed); }
  uint64_t by_another() const { return by_another_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> answered_{0}, by_another_{0};
#else
  void Read(std::span<const char>) {}
  void Answered(std::span<const char>) {}
  void Report() const {}
#endif
};

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_HAND_OVERS_H_
