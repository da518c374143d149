// FailCall: a fault hook that makes one call fail, counted from 1, whatever kind it is of; AnswerCall: one
// that gives it another answer that such a call may give; and how many descriptors are open, for tests that
// no call's failure leaves one.
//
// Only for tests.  One thread.
#ifndef PLYFS_ENGINE_IO_FAIL_CALL_FOR_TEST_H_
#define PLYFS_ENGINE_IO_FAIL_CALL_FOR_TEST_H_

#include <cerrno>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

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

// Errnos by which such a call says something about the object or the filesystem, and which callers tell
// apart.
inline std::vector<int> AnswersOf(Op op) {
  switch (op) {
    case Op::kOpen:
      return {ENOENT, ENOTDIR, EACCES, ELOOP, EPERM, EXDEV, ESTALE};
    case Op::kCreate:
      return {EEXIST, EOPNOTSUPP, EISDIR, EROFS, ENOSPC, EACCES};
    case Op::kStatx:
    case Op::kReadLink:
      return {ENOENT, EACCES, ESTALE};
    case Op::kGetdents:
      return {ENOENT, EACCES};
    case Op::kMkdir:
    case Op::kMknod:
    case Op::kSymlink:
    case Op::kLink:
      return {EEXIST, EPERM, EROFS, ENOENT, EMLINK};
    case Op::kUnlink:
      return {ENOENT, EISDIR, ENOTEMPTY, EPERM, EEXIST};
    case Op::kRename:
      return {EINVAL, ENOENT, EEXIST, ENOTEMPTY, EXDEV};
    case Op::kGetXattr:
    case Op::kRemoveXattr:
      return {ENODATA, EOPNOTSUPP, EACCES, EPERM};
    case Op::kListXattr:
      return {EOPNOTSUPP, EACCES};
    case Op::kSetXattr:
      return {EOPNOTSUPP, EPERM, ENOSPC, EINVAL};
    case Op::kXattrAt:
      return {ENOSYS};
    case Op::kRead:
    case Op::kSeek:
    case Op::kCopyFileRange:
    case Op::kClone:
      return {EINVAL, EOPNOTSUPP, EXDEV};
    case Op::kWrite:
    case Op::kTruncate:
    case Op::kFallocate:
      return {ENOSPC, EFBIG, EOPNOTSUPP, EPERM};
    case Op::kGetFlags:
    case Op::kSetFlags:
    case Op::kGetFsUuid:
      return {ENOTTY, EOPNOTSUPP, EPERM};
    case Op::kChown:
    case Op::kChmod:
    case Op::kUtimens:
      return {EPERM, EINVAL, EROFS};
    case Op::kFchmodat2:
      return {ENOSYS};
    case Op::kNameToHandle:
      return {EOPNOTSUPP, EOVERFLOW};
    case Op::kOpenByHandle:
      return {ESTALE, EPERM};
    case Op::kFsIds:
      return {EPERM};
    case Op::kUringSetup:
      return {ENOSYS, EPERM, ENOMEM};
    case Op::kUringSubmit:
      return {ENOMEM};
    default:
      return {};
  }
}

class AnswerCall : public FaultHook {
 public:
  AnswerCall(int nth, size_t which_answer) : nth_(nth), which_answer_(which_answer) {}
  int Before(Op op) override {
    if (++seen_ != nth_) return 0;
    op_ = op;
    const std::vector<int> answers = AnswersOf(op);
    if (which_answer_ < answers.size()) error_ = answers[which_answer_];
    return error_;
  }
  // False: there were fewer calls.
  bool reached() const { return seen_ >= nth_; }
  // 0: there is no such answer of that call.
  int error() const { return error_; }
  Op op() const { return op_; }
  std::string text() const {
    return op_ == Op::kCount ? "no call" : std::string(OpName(op_)) + "=" + std::to_string(error_);
  }

 private:
  const int nth_;
  const size_t which_answer_;
  int seen_ = 0;
  int error_ = 0;
  Op op_ = Op::kCount;
};

// Calls `act` with a hook for each answer of the first, second, ... call, until it makes no more.
template <typename Act>
void ForEachAnswer(Act act) {
  for (int nth = 1;; ++nth) {
    for (size_t which = 0;; ++which) {
      AnswerCall answer(nth, which);
      act(answer);
      if (!answer.reached()) return;
      if (which + 1 >= AnswersOf(answer.op()).size()) break;
    }
  }
}

inline auto OpenDescriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

}  // namespace plyfs

#endif  // PLYFS_ENGINE_IO_FAIL_CALL_FOR_TEST_H_
