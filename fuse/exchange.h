// Exchange: one request while it is executed, and the reply it gets.
//
// Lives on the stack of the reader that executes it.  A handler reads its arguments through `in`, calls the
// engine once and puts the reply's body; what it returns is the errno of the reply.
#ifndef PLYFS_FUSE_EXCHANGE_H_
#define PLYFS_FUSE_EXCHANGE_H_

#include <cstring>
#include <span>
#include <string_view>

#include "fuse/connection.h"
#include "fuse/decode.h"

namespace plyfs::fuse {

class Exchange {
 public:
  // `room` takes the reply's body and starts on a page (F7).
  Exchange(const Connection& connection, const Message& message, std::span<char> room)
      : in(message.body), connection_(connection), message_(message), room_(room) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  Decoder in;

  const Connection& connection() const { return connection_; }
  const Encoder& encoder() const { return connection_.encoder; }
  const IdMaps& ids() const { return connection_.encoder.ids(); }
  UnionFs& fs() const { return *connection_.fs; }
  const wire::InHeader& header() const { return message_.header; }
  NodeId node() const { return message_.header.nodeid; }
  // Who asks, as the owner that what he makes gets on disk.
  Caller caller(uint32_t umask = 0) const;

  // Appends to the reply's body; the room always suffices for a fixed structure.
  template <typename T>
  void Put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    PutBytes({reinterpret_cast<const char*>(&value), sizeof value});
  }
  void PutBytes(std::string_view bytes);
  // What is left of the room, `most` bytes of it; Commit says how many were filled in.
  std::span<char> Room(size_t most) const;
  void Commit(size_t size) { used_ += size; }

  std::span<const char> reply() const { return room_.first(used_); }
  template <typename T>
  T ReplyAs() const {
    T value{};
    std::memcpy(static_cast<void*>(&value), room_.data(), used_ < sizeof value ? used_ : sizeof value);
    return value;
  }

 private:
  const Connection& connection_;
  const Message& message_;
  const std::span<char> room_;
  size_t used_ = 0;
};

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_EXCHANGE_H_
