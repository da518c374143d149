// InodePairs: the one bijection between the inode numbers of two sets of layers that holds over a whole run,
// remounts included (S1, S5).
//
// Owned by a run; one thread.  The run keeps removed inodes allocated (Pins), so that a number that returns
// means the same object.
#ifndef PLYFS_TESTS_DIFFERENTIAL_INODE_PAIRS_H_
#define PLYFS_TESTS_DIFFERENTIAL_INODE_PAIRS_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace plyfs::diff {

class InodePairs {
 public:
  // One object seen as `a` on the first layers and as `b` on the second.  Empty, or the contradiction.
  std::string Match(uint64_t a, uint64_t b, const std::string& subject);
  // The object is gone for good: a temporary file that never had a name.
  void Forget(uint64_t a, uint64_t b);
  size_t size() const { return to_b_.size(); }

 private:
  struct Partner {
    uint64_t ino;
    std::string subject;  // under which name the pair was first seen
  };
  std::unordered_map<uint64_t, Partner> to_b_, to_a_;
};

// Holds upper objects that a step may remove, by O_PATH descriptors on the layer's own files, so that their
// inode numbers are not given out again during the run.
class Pins {
 public:
  Pins() = default;
  ~Pins() { Release(); }
  Pins(const Pins&) = delete;
  Pins& operator=(const Pins&) = delete;

  void Hold(const std::string& upper, const std::string& path);
  void Release();

 private:
  std::vector<int> fds_;
};

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_INODE_PAIRS_H_
