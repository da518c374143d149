// Transport: how requests come from the kernel and replies go back.
//
// Owned by Session, shared by its readers: any number of threads may be in Receive, and any thread may Send
// the reply of any request.  A notification is a reply with `unique` 0.
#ifndef PLYFS_FUSE_TRANSPORT_H_
#define PLYFS_FUSE_TRANSPORT_H_

#include <cstddef>
#include <span>

#include "engine/base/result.h"

namespace plyfs::fuse {

class Transport {
 public:
  virtual ~Transport() = default;

  // Blocks until there is a request and puts it into `room`; the part of it that was filled.
  virtual Result<std::span<const char>> Receive(std::span<char> room) = 0;
  // Header and body in one piece.  ENOENT: the client no longer waits for it.
  virtual Status Send(std::span<const char> reply) = 0;
};

// What an errno of Receive means.
enum class ReceiveFate {
  kAgain,   // nothing this time: a signal, or the request was withdrawn
  kEnded,   // unmounted or aborted
  kBroken,  // not one of those that the kernel is known to give
};
ReceiveFate FateOf(int receive_errno);

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_TRANSPORT_H_
