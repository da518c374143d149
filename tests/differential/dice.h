// Dice: the random source of the differential test.  The same seed gives the same throws on every machine and
// library, which std:: distributions do not promise.  A value; one thread.
#ifndef PLYFS_TESTS_DIFFERENTIAL_DICE_H_
#define PLYFS_TESTS_DIFFERENTIAL_DICE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace plyfs::diff {

class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}

  // splitmix64: each seed, however small, starts a stream of its own.
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // 0 .. n-1; 0 when n is 0.
  uint64_t Below(uint64_t n) { return n == 0 ? 0 : Next() % n; }
  bool Chance(unsigned percent) { return Below(100) < percent; }
  template <typename T>
  const T& Pick(const std::vector<T>& from) {
    return from[Below(from.size())];
  }

 private:
  uint64_t state_;
};

// `size` bytes that only `seed` and the position decide, none of them zero: what reads as zero is a hole.
inline std::string Pattern(uint64_t seed, size_t size) {
  Dice dice(seed);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>('!' + dice.Below(90));
  return bytes;
}

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_DICE_H_
