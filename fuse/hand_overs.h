// HandOvers: counts the requests, and those that changed threads, that is, were answered by another thread
// than read them.
//
// Owned by DevTransport; any thread.
#ifndef PLYFS_FUSE_HAND_OVERS_H_
#define PLYFS_FUSE_HAND_OVERS_H_

#include <cstdint>
#include <span>

#include "engine/base/tally.h"

namespace plyfs::fuse {

class HandOvers {
 public:
  void Read(std::span<const char> request);
  void Answered(std::span<const char> reply);
  // One line into the log, if PLYFS_COUNT_HANDOVERS is set (tests/differential).
  void Report() const;
  uint64_t answered() const { return answered_.total(); }
  uint64_t by_another() const { return by_another_.total(); }

 private:
  Tally answered_, by_another_;
};

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_HAND_OVERS_H_
