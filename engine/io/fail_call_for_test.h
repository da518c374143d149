// FailCall: a fault hook that makes one call fail, counted from 1, whatever kind it is of; and how many
// descriptors are open, for tests that no call's failure leaves one.
//
// Only for tests.  One thread.
#ifndef PLYFS_ENGINE_IO_FAIL_CALL_FOR_TEST_H_
#define PLYFS_ENGINE_IO_FAIL_CALL_FOR_TEST_H_

#include <cerrno>
#include <filesystem>
#include <iterator>

#include "engine/io/fault.h"

namespace plyfs {

class FailCall : public FaultHook {
 public:
  explicit FailCall(int nth) : nth_(nth) {}
  int Before(Op op) override {
    if (++seen_ == nth_) which_ = op;
    return seen_ == nth_ ? EIO : 0;
  }
  // False: there were fewer calls.
  bool failed() const { return seen_ >= nth_; }
  Op which() const { return which_; }

 private:
  const int nth_;
  int seen_ = 0;
  Op which_ = Op::kCount;
};

inline auto OpenDescriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

}  // namespace plyfs

#endif  // PLYFS_ENGINE_IO_FAIL_CALL_FOR_TEST_H_
