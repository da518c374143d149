#include "fuse/dispatcher.h"

#include <cstring>

#include "engine/base/bug.h"
#include "engine/base/log.h"
#include "fuse/exchange.h"
#include "fuse/trace.h"

namespace plyfs::fuse {
namespace {

// The kernel refuses a reply with an errno it does not know (fs/fuse/dev.c:fuse_dev_do_write), and the client
// would wait for ever.
constexpr int kErrnoEnd = 512;

}  // namespace

int ReplyErrno(const Status& status) {
  const int error = status.error();
  if (error < 0 || error >= kErrnoEnd) return PLY_BUG("an errno that is none").value();
  switch (error) {
    // Switches an operation off for the life of the connection: never by a layer's accident.
    case ENOSYS:
      return EOPNOTSUPP;
    // A layer whose own daemon has died; the client would take it for this mount.
    case ENOTCONN:
    case ECONNABORTED:
    case ESHUTDOWN:
      return EIO;
    default:
      return error;
  }
}

void Dispatcher::Run(std::span<const char> bytes, const ReaderBuffers& buffers, RequestSlot& slot) {
  Message message{};
  const Status split = Split(bytes, &message);
  if (bytes.size() < sizeof message.header) return Log("fuse: a request without header");
  const Operation& operation = FindOperation(message.header.opcode);
  if (!split || message.body.size() < operation.least) {
    Log("fuse: malformed request: " + DescribeExchange(operation, message.header, message.body, EINVAL, 0));
    if ((operation.traits & kNoReply) == 0) Refuse(message, EINVAL);
    return;
  }
  if (message.header.opcode == wire::kInterrupt) return Interrupt(message);
  if (operation.run == nullptr || operation.since > connection_.minor) return Refuse(message, ENOSYS);
  Execute(operation, message, buffers, slot);
}

void Dispatcher::Execute(const Operation& operation, const Message& message, const ReaderBuffers& buffers,
                         RequestSlot& slot) {
  InFlight::Begin(slot, message, operation);
  if ((operation.traits & kMayBlock) != 0) before_blocking_();
  Exchange x(connection_, message, buffers.body());
  const int error = ReplyErrno(operation.run(x));
  if (connection_.debug) {
    Log(DescribeExchange(operation, message.header, message.body, error, x.reply().size()));
  }
  if ((operation.traits & kNoReply) == 0) {
    const size_t size = error == 0 ? x.reply().size() : 0;
    const bool delivered =
        InFlight::Claim(slot, message.header.unique) && Reply(message, buffers, error, size);
    if (!delivered && error == 0 && operation.undo != nullptr) operation.undo(x);
  }
  InFlight::End(slot);
}

// Read before the request that it is about was entered into a slot, or after that was answered: EAGAIN makes
// the kernel ask again, and ask nothing if it was answered (fs/fuse/dev.c:fuse_dev_do_write).
void Dispatcher::Interrupt(const Message& message) {
  const auto args = Decoder(message.body).Fixed<wire::InterruptIn>();
  if (args.ok() && !in_flight_.Interrupt(args->unique)) Refuse(message, EAGAIN);
}

void Dispatcher::Refuse(const Message& message, int error) {
  const wire::OutHeader reply{sizeof(wire::OutHeader), -error, message.header.unique};
  (void)transport_.Send({reinterpret_cast<const char*>(&reply), sizeof reply});
}

bool Dispatcher::Reply(const Message& message, const ReaderBuffers& buffers, int error, size_t body_size) {
  const std::span<char> whole = buffers.whole_reply(body_size);
  const wire::OutHeader header{static_cast<uint32_t>(whole.size()), -error, message.header.unique};
  std::memcpy(whole.data(), &header, sizeof header);
  return transport_.Send(whole).ok();
}

}  // namespace plyfs::fuse
