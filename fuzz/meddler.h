// Meddler: what comes between two calls of a step that the model does not know of: a hand in a layer, or a
// call that answers what it seldom does.
//
// Owned by a run of one input; one thread.  Bits of the header that a case does not use say what (byte 4, the
// two highest: 1 a hand, 2 an errno; byte 0, the six highest: which) and byte 7 before which of the step's
// calls.  What a step then has to answer cannot be said; but no lower changes but by the hand, the next mount
// succeeds and leaves nothing in W/work, and it shows what the model says of the layers as they lie there.
#ifndef PLYFS_FUZZ_MEDDLER_H_
#define PLYFS_FUZZ_MEDDLER_H_

#include <map>
#include <string>
#include <string_view>

#include "engine/io/fault.h"
#include "engine/io/unique_fd.h"
#include "engine/testing/engine_client.h"
#include "engine/testing/layer_on_disk.h"
#include "engine/testing/scratch_stack.h"

namespace plyfs::fuzz {

// Who only reads is not told that there is no room: EIO instead.
int AsToldTo(Op op, int error);

class Meddler final : public FaultHook {
 public:
  // `calls`: how many the step makes otherwise; 0: nobody knows.
  Meddler(std::string_view bytes, const model::Case& c, const model::Step& step,
          const model::ScratchStack& stack, unsigned calls = 0);
  static bool IsAskedFor(std::string_view bytes);

  int Before(Op op) override;
  // U3, just after the step: a file that the hand has put into upper is still there, where the step was none
  // to take it away.
  std::string CheckHandMade() const;
  // Of a mount that has been unmounted: what is wrong with what it has left; empty: nothing.
  std::string CheckLeft(const model::Case& c, model::EngineMount& mount) const;

 private:
  std::string LayerInHand() const;
  void ByHand();
  void PutFile(const std::string& at);
  bool MayTakeFilesAway() const;
  int Answer(Op op);

  const model::ScratchStack& stack_;
  const model::Step& step_;
  const bool upper_only_;
  const size_t lowers_;
  const bool hand_;
  const unsigned how_, call_;
  unsigned seen_ = 0, renames_ = 0;
  Op answered_ = Op::kCount;
  UniqueFd hand_made_;
  std::map<std::string, model::Tree> changed_;  // lowers in which the hand was, as it left them
};

}  // namespace plyfs::fuzz

#endif  // PLYFS_FUZZ_MEDDLER_H_
