#include "fuse/hand_overs.h"

#include <algorithm>
#include <cinttypes>
#include <cstdlib>
#include <cstring>

#include "engine/base/log.h"
#include "fuse/wire.h"

namespace plyfs::fuse {
namespace {

// A thread reads its next request only after it has answered, or has left, the last one.
thread_local uint64_t last_read = 0;

}  // namespace

void HandOvers::Read(std::span<const char> request) {
  wire::InHeader header{};
  std::memcpy(&header, request.data(), std::min(request.size(), sizeof header));
  last_read = header.unique;
}

void HandOvers::Answered(std::span<const char> reply) {
  wire::OutHeader header{};
  std::memcpy(&header, reply.data(), std::min(reply.size(), sizeof header));
  if (header.unique == 0) return;  // a notification
  answered_.Add();
  if (header.unique != last_read) by_another_.Add();
}

void HandOvers::Report() const {
  if (::getenv("PLYFS_COUNT_HANDOVERS") == nullptr) return;
  Logf("requests answered: %" PRIu64 ", by another thread: %" PRIu64, answered(), by_another());
}

}  // namespace plyfs::fuse
