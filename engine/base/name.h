// Name: one component of a path, bytes and their hash, computed once where the name enters the program.
//
// Does not own its bytes.  A Name that came through Name::Parse is a legal component: 1 to 255 bytes, no '/',
// no NUL, neither "." nor "..".  Values; any thread.
#ifndef PLYFS_ENGINE_BASE_NAME_H_
#define PLYFS_ENGINE_BASE_NAME_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace plyfs {

class Name {
 public:
  // EINVAL: empty, ".", "..", or holding '/' or NUL.  ENAMETOOLONG: over 255 bytes (semantics S13).
  static Result<Name> Parse(std::string_view bytes);
  // For bytes already known to be a legal component.
  static Name Trusted(std::string_view bytes) { return Name(bytes); }

  std::string_view bytes() const { return bytes_; }
  uint64_t hash() const { return hash_; }
  std::string str() const { return std::string(bytes_); }

  friend bool operator==(const Name& a, const Name& b) { return a.hash_ == b.hash_ && a.bytes_ == b.bytes_; }

 private:
  explicit Name(std::string_view bytes);

  std::string_view bytes_;
  uint64_t hash_;
};

inline constexpr size_t kNameMax = 255;

}  // namespace plyfs

#endif  // PLYFS_ENGINE_BASE_NAME_H_
