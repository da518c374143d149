// Dispatcher: one request from its bytes to its reply.
//
// Owned by Session; called by each reader with its own buffers and slot.  Whatever the bytes are, a request
// that has a header is answered exactly once, and what the client did not learn is taken back.
#ifndef PLYFS_FUSE_DISPATCHER_H_
#define PLYFS_FUSE_DISPATCHER_H_

#include <functional>
#include <span>

#include "fuse/connection.h"
#include "fuse/in_flight.h"
#include "fuse/op_table.h"
#include "fuse/reader_buffers.h"
#include "fuse/transport.h"

namespace plyfs::fuse {

// The errno of the reply for what an operation returned.
int ReplyErrno(const Status& status);

class Dispatcher {
 public:
  // `before_blocking` is called before a handler that may wait.
  Dispatcher(const Connection& connection, Transport& transport, InFlight& in_flight,
             std::function<void()> before_blocking)
      : connection_(connection),
        transport_(transport),
        in_flight_(in_flight),
        before_blocking_(std::move(before_blocking)) {}

  void Run(std::span<const char> bytes, const ReaderBuffers& buffers, RequestSlot& slot);

 private:
  void Execute(const Operation& operation, const Message& message, const ReaderBuffers& buffers,
               RequestSlot& slot);
  void Interrupt(const Message& message);
  void Refuse(const Message& message, int error);
  // Whether the client got it.
  bool Reply(const Message& message, const ReaderBuffers& buffers, int error, size_t body_size);

  const Connection& connection_;
  Transport& transport_;
  InFlight& in_flight_;
  const std::function<void()> before_blocking_;
};

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_DISPATCHER_H_
