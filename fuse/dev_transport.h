// DevTransport: the read loop on /dev/fuse.  One read(2) is one request, one write(2) one reply.
//
// Works on every kernel, and is the only transport that outlives a daemon (transport.md section 10).
#ifndef PLYFS_FUSE_DEV_TRANSPORT_H_
#define PLYFS_FUSE_DEV_TRANSPORT_H_

#include "fuse/hand_overs.h"
#include "fuse/transport.h"

namespace plyfs::fuse {

class DevTransport : public Transport {
 public:
  // `fd` stays the caller's.
  explicit DevTransport(int fd) : fd_(fd) {}

  Result<std::span<const char>> Receive(std::span<char> room) override;
  Status Send(std::span<const char> reply) override;

  const HandOvers& hand_overs() const { return hand_overs_; }

 private:
  const int fd_;
  HandOvers hand_overs_;
};

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_DEV_TRANSPORT_H_
