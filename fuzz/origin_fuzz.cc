// The record overlay.origin: what is decoded is written and decoded again; what is encoded comes back.
//
// unit: engine/format/origin.cc
#include "engine/format/origin.h"
#include "fuzz/input.h"

namespace plyfs::fuzz {
namespace {

void Decode(std::string_view value) {
  const std::optional<OriginHandle> origin = DecodeOrigin(value);
  if (!origin) return;
  Require(!origin->handle.empty() && origin->handle.size() <= kOriginHandleMax);
  Require(value.find(origin->handle) != value.npos);
  const std::optional<std::string> written = EncodeOrigin(*origin);
  Require(written && written->size() <= value.size() && written->size() <= kOriginMax);
  Require(written->size() == static_cast<uint8_t>(value[2]));  // as long as it says that it is
  Require(DecodeOrigin(*written) == origin);
  // Only the flag "any endian" and what is behind the length may differ.
  std::string same(value.substr(0, written->size()));
  same[3] = static_cast<char>(same[3] & ~2);
  if ((value[3] & 2) == 0) Require(*written == same);
}

void Encode(Input& in) {
  OriginHandle origin;
  origin.of_upper = in.Bit(1);
  origin.type = in.Byte();
  for (uint8_t& byte : origin.uuid) byte = in.Byte();
  origin.handle = in.Rest();
  const std::optional<std::string> written = EncodeOrigin(origin);
  Require(written.has_value() == (!origin.handle.empty() && origin.handle.size() <= kOriginHandleMax));
  if (!written) return;
  Require(DecodeOrigin(*written) == origin);
  // A shorter one is not of its length any more.
  Require(!DecodeOrigin(std::string_view(*written).substr(0, written->size() - 1)));
}

}  // namespace
}  // namespace plyfs::fuzz

// Flag A: a handle to encode (flag B: of upper); else a record's value.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  plyfs::fuzz::Input in(data, size);
  in.Flags();
  if (in.Bit(0)) {
    plyfs::fuzz::Encode(in);
  } else {
    plyfs::fuzz::Decode(in.Rest());
  }
  return 0;
}
