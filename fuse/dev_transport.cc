#include "fuse/dev_transport.h"

#include <unistd.h>

namespace plyfs::fuse {

// fs/fuse/dev.c:fuse_dev_do_read
ReceiveFate FateOf(int receive_errno) {
  switch (receive_errno) {
    case EINTR:
    case EAGAIN:
    case ENOENT:
      return ReceiveFate::kAgain;
    case ENODEV:
    case ECONNABORTED:
      return ReceiveFate::kEnded;
    default:
      return ReceiveFate::kBroken;
  }
}

Result<std::span<const char>> DevTransport::Receive(std::span<char> room) {
  const ssize_t size = read(fd_, room.data(), room.size());
  if (size < 0) return LastErrno();
  const std::span<const char> request = std::span<const char>(room).first(static_cast<size_t>(size));
  hand_overs_.Read(request);
  return request;
}

Status DevTransport::Send(std::span<const char> reply) {
  hand_overs_.Answered(reply);
  return write(fd_, reply.data(), reply.size()) < 0 ? Status(LastErrno()) : OkStatus();
}

}  // namespace plyfs::fuse
