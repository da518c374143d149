// What the targets take their input apart with, and Require, by which they say what must hold.
//
// A target is a file NAME_fuzz.cc with LLVMFuzzerTestOneInput in it (docs/fuzzing.md).  One thread.
#ifndef PLYFS_FUZZ_INPUT_H_
#define PLYFS_FUZZ_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace plyfs::fuzz {

// What does not hold is a finding: says where, and aborts.
inline void Require(bool what, const std::source_location& where = std::source_location::current()) {
  if (what) return;
  std::fprintf(stderr, "%s:%u: does not hold\n", where.file_name(), static_cast<unsigned>(where.line()));
  std::abort();
}

// The input from its front to its end; what is asked for behind the end is 0 or empty.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}
  explicit Input(std::string_view bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }
  uint8_t Byte() { return static_cast<uint8_t>(Take(1, '\0').front()); }
  bool Bit(int n) const { return (flags_ >> n & 1) != 0; }
  // The next byte becomes what Bit looks at.  Letters: 'A' is bit 0, 'B' bit 1, 'C' both, '@' none.
  void Flags() { flags_ = Byte(); }
  uint32_t Number16() { return Byte() | static_cast<uint32_t>(Byte()) << 8; }
  // `size` bytes, or what there is.
  std::string_view Bytes(size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  // Up to the next `end`, which is taken too, or to the end of the input.
  std::string_view Until(char end) {
    const std::string_view taken = rest_.substr(0, rest_.find(end));
    rest_.remove_prefix(taken.size() < rest_.size() ? taken.size() + 1 : taken.size());
    return taken;
  }
  std::string_view Rest() { return Bytes(rest_.size()); }

 private:
  std::string Take(size_t size, char fill) {
    std::string taken(Bytes(size));
    taken.resize(size, fill);
    return taken;
  }

  std::string_view rest_;
  uint8_t flags_ = 0;
};

// Pieces between `separator`s; as many as there are of these, and one.
inline std::vector<std::string_view> Pieces(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (size_t at = text.find(separator); at != text.npos; at = text.find(separator)) {
    pieces.push_back(text.substr(0, at));
    text.remove_prefix(at + 1);
  }
  pieces.push_back(text);
  return pieces;
}

}  // namespace plyfs::fuzz

#endif  // PLYFS_FUZZ_INPUT_H_
