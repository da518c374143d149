// Decoder: a bounded walk over the body of one request.
//
// The kernel is trusted to be well meaning, not to be right: every length is checked against what was read,
// a name must end in NUL inside the body, and a failed step is EINVAL, after which nothing more is read.
// Views point into the reader's buffer and live as long as the request.  One thread.
#ifndef PLYFS_FUSE_DECODE_H_
#define PLYFS_FUSE_DECODE_H_

#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "engine/base/name.h"
#include "engine/base/result.h"
#include "fuse/wire.h"

namespace plyfs::fuse {

class Decoder {
 public:
  explicit Decoder(std::span<const char> body) : rest_(body) {}

  // The next fixed structure.
  template <typename T>
  Result<T> Fixed() {
    return Prefix<T>(sizeof(T));
  }
  // A structure of which an older protocol sends only `size` bytes; the rest is zero.
  template <typename T>
  Result<T> Prefix(size_t size) {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    if (size > sizeof(T) || rest_.size() < size) return Errno(EINVAL);
    std::memcpy(static_cast<void*>(&value), rest_.data(), size);
    rest_ = rest_.subspan(size);
    return value;
  }
  // Bytes up to the next NUL, which is consumed.
  Result<std::string_view> String();
  // A String that is a legal name.
  Result<Name> Component();
  // Exactly `size` bytes.
  Result<std::span<const char>> Bytes(size_t size);

  std::span<const char> rest() const { return rest_; }

 private:
  std::span<const char> rest_;
};

// One message as read from the kernel, split into its parts.
struct Message {
  wire::InHeader header;
  std::span<const char> body;  // without header and extensions
  std::optional<uint32_t> supplementary_gid;
};

// EINVAL: shorter than a header, another length than the header says, or extensions that do not add up.
// header is set whenever there are enough bytes for one, so that the request can be answered.
Status Split(std::span<const char> bytes, Message* message);

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_DECODE_H_
