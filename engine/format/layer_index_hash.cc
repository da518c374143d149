// The two hashes of layer_index.h.
#include <algorithm>
#include <bit>

#include "engine/format/layer_index.h"
#include "engine/format/little_endian.h"

namespace plyfs {
namespace {

constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;

// One to one in `word` and in `lane`, so that no single change is lost.
uint64_t Stir(uint64_t lane, uint64_t word) {
  return std::rotl(lane ^ word, 29) * kOdd;
}

struct SipState {
  uint64_t v0, v1, v2, v3;

  void Round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void Take(uint64_t word) {
    v3 ^= word;
    Round();
    Round();
    v0 ^= word;
  }
};

// The last bytes, fewer than eight, as a word.
uint64_t Tail(std::string_view bytes) {
  char padded[8] = {};
  std::copy(bytes.begin(), bytes.end(), padded);
  return LoadLittle<uint64_t>(std::string_view(padded, sizeof padded), 0);
}

}  // namespace

uint64_t IndexChecksum(std::string_view bytes) {
  constexpr size_t kLanes = 4;
  uint64_t lanes[kLanes] = {kOdd, kOdd * 3, kOdd * 5, kOdd * 7};
  const size_t size = bytes.size();
  size_t at = 0;
  for (; at + kLanes * 8 <= size; at += kLanes * 8) {
    for (size_t i = 0; i < kLanes; ++i) lanes[i] = Stir(lanes[i], LoadLittle<uint64_t>(bytes, at + i * 8));
  }
  for (; at + 8 <= size; at += 8) lanes[0] = Stir(lanes[0], LoadLittle<uint64_t>(bytes, at));
  if (at < size) lanes[1] = Stir(lanes[1], Tail(bytes.substr(at)));
  uint64_t sum = size * kOdd;
  for (uint64_t lane : lanes) {
    sum = Stir(sum, lane);
    sum ^= sum >> 32;
  }
  return sum;
}

uint64_t IndexPathHash(const IndexHashKey& key, std::string_view path) {
  std::string_view bytes(reinterpret_cast<const char*>(key.data()), key.size());
  const auto k0 = LoadLittle<uint64_t>(bytes, 0), k1 = LoadLittle<uint64_t>(bytes, 8);
  SipState state{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                 k1 ^ 0x7465646279746573};
  size_t at = 0;
  for (; at + 8 <= path.size(); at += 8) state.Take(LoadLittle<uint64_t>(path, at));
  state.Take(Tail(path.substr(at)) | static_cast<uint64_t>(path.size()) << 56);
  state.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) state.Round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace plyfs
