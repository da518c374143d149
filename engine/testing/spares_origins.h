// SparesOrigins: passes every call on to another fault hook but those that look for the object which an
// origin names. These may fail without an error to anybody (L21): the copy then shows its own number, and a
// listing that was read meanwhile goes on to say so, which is a known slip (docs/fuzzing.md) and would be
// found in each case with a copy.
//
// On the stack, for one thread, beside the hook that it asks.
#ifndef PLYFS_ENGINE_TESTING_SPARES_ORIGINS_H_
#define PLYFS_ENGINE_TESTING_SPARES_ORIGINS_H_

#include "engine/io/fault.h"

namespace plyfs::model {

class SparesOrigins final : public FaultHook {
 public:
  explicit SparesOrigins(FaultHook* asked) : asked_(asked) {}
  int Before(Op op) override {
    const bool looks = op == Op::kOpenByHandle || (found_ && op == Op::kStatx);
    found_ = op == Op::kOpenByHandle;
    return looks ? 0 : asked_->Before(op);
  }
  void After(Op op, int error) override { asked_->After(op, error); }

 private:
  FaultHook* asked_;
  bool found_ = false;
};

}  // namespace plyfs::model

#endif  // PLYFS_ENGINE_TESTING_SPARES_ORIGINS_H_
