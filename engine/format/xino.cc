#include "engine/format/xino.h"

#include <bit>
#include <cstring>
#include <utility>

namespace plyfs {
namespace {

// SipHash-2-4 of two words under a key of two words.  A published function, written out because the numbers
// it gives are stored by users (tar's incremental lists, NFS clients) and may not change with a library.
class SipHash {
 public:
  SipHash(uint64_t k0, uint64_t k1)
      : v_{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
           k1 ^ 0x7465646279746573} {}

  void Add(uint64_t word) {
    v_[3] ^= word;
    Round();
    Round();
    v_[0] ^= word;
  }
  uint64_t Finish(uint64_t bytes) {
    Add(bytes << 56);
    v_[2] ^= 0xff;
    for (int i = 0; i < 4; ++i) Round();
    return v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
  }

 private:
  void Round() {
    Half(0, 1, 13, 2, 3, 16);
    Half(2, 1, 17, 0, 3, 21);
  }
  void Half(int a, int b, int turn_b, int c, int d, int turn_d) {
    v_[a] += v_[b];
    v_[b] = std::rotl(v_[b], turn_b) ^ v_[a];
    v_[a] = std::rotl(v_[a], 32);
    v_[c] += v_[d];
    v_[d] = std::rotl(v_[d], turn_d) ^ v_[c];
  }

  uint64_t v_[4];
};

uint64_t HashOf(const FsKey& fs, uint64_t ino) {
  uint64_t key[2];
  std::memcpy(key, fs.uuid.data(), sizeof key);
  SipHash hash(key[0], key[1]);
  hash.Add(fs.subvolume);
  hash.Add(ino);
  return hash.Finish(16);
}

unsigned BitsFor(size_t filesystems, bool has_upper, bool all_ino32) {
  const size_t used = filesystems - (has_upper ? 0 : 1);
  if (used <= 1) return 0;
  const unsigned needed = static_cast<unsigned>(std::bit_width(filesystems - 1)) + 1;
  return all_ino32 && needed < 32 ? 32 : needed;
}

}  // namespace

InoMapper::InoMapper(std::vector<FsKey> filesystems, bool has_upper, bool all_ino32)
    : filesystems_(std::move(filesystems)), bits_(BitsFor(filesystems_.size(), has_upper, all_ino32)) {}

uint64_t InoMapper::Map(size_t fs, uint64_t ino) const {
  if (bits_ == 0) return ino;
  const unsigned shift = 64 - bits_;
  const uint64_t space = static_cast<uint64_t>(fs) << (shift + 1);
  if (ino >> shift == 0) return space | ino;
  const uint64_t overflow = uint64_t{1} << shift;
  return space | overflow | (HashOf(filesystems_[fs], ino) & (overflow - 1));
}

}  // namespace plyfs
