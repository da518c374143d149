// HandOvers: how many requests changed threads between being read and being answered, as the program's own
// log tells at the end of each mount (fuse/dev_transport.h; debug builds that are asked to).
//
// A value; one thread.
#ifndef PLYFS_TESTS_DIFFERENTIAL_HANDOVERS_H_
#define PLYFS_TESTS_DIFFERENTIAL_HANDOVERS_H_

#include <cstdint>
#include <string>

namespace plyfs::diff {

// What asks the program to count.
inline constexpr char kCountHandOvers[] = "PLYFS_COUNT_HANDOVERS";

class HandOvers {
 public:
  // Adds what the log of a run says.
  void Add(const std::string& log);

  uint64_t answered() const { return answered_; }
  uint64_t handed_over() const { return handed_over_; }
  std::string Text() const;

 private:
  uint64_t answered_ = 0, handed_over_ = 0;
};

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_HANDOVERS_H_
