// InFlight: the requests being executed, one slot a reader.
//
// A request is answered once: by the reader that executes it, or early with EINTR when its client is dying
// and nothing of it outlives the request.  Who answers is settled by one compare-and-swap of the slot's
// `unanswered`; the kernel never reuses a unique, so a slot that has moved on cannot be taken by mistake.
#ifndef PLYFS_FUSE_IN_FLIGHT_H_
#define PLYFS_FUSE_IN_FLIGHT_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "engine/base/asked_layer.h"
#include "engine/base/mutex.h"
#include "fuse/decode.h"
#include "fuse/op_table.h"
#include "fuse/transport.h"

namespace plyfs::fuse {

// Written by its reader before `unanswered` is set, read by anyone; what was read counts only if `unanswered`
// is still the same afterwards.
struct RequestSlot {
  std::atomic<uint64_t> unanswered{0};   // unique of the request; 0: none, or answered
  std::atomic<uint64_t> executing{0};    // the same, until its execution ends
  std::atomic<uint64_t> interrupted{0};  // unique for which an INTERRUPT came
  std::atomic<uint64_t> logged{0};       // unique that was logged as slow
  std::atomic<uint64_t> node{0};
  std::atomic<int64_t> started_ms{0};
  std::atomic<uint32_t> opcode{0};
  std::atomic<uint32_t> pid{0};
  std::atomic<bool> may_answer_early{false};
  AskedLayer::Cell asked{AskedLayer::kNone};    // its reader's (AskedLayer::Lend)
  std::array<std::atomic<uint64_t>, 5> name{};  // the start of the name, if there is one
};

// A request as seen from outside; a copy.
struct RequestView {
  uint64_t unique = 0;
  uint32_t opcode = 0;
  uint32_t pid = 0;
  uint64_t node = 0;
  int64_t age_ms = 0;
  LayerId asked = AskedLayer::kNone;
  bool answered = false;  // early: the client is gone, the work goes on
  std::string name;
};

class InFlight {
 public:
  explicit InFlight(Transport& transport) : transport_(transport) {}

  // A reader's slot, for as long as it lives.
  RequestSlot* Acquire();
  void Release(RequestSlot* slot);

  // By the slot's reader, around the execution of a request.
  static void Begin(RequestSlot& slot, const Message& message, const Operation& operation);
  static void End(RequestSlot& slot);
  // True: the caller, and nobody else, answers request `unique`.
  static bool Claim(RequestSlot& slot, uint64_t unique);

  // INTERRUPT for `unique` came.  False: no such request here (yet).
  bool Interrupt(uint64_t unique);
  // Looks again at clients that interrupted and lived on then: the kernel tells only once.  Returns whether
  // anything is being executed.
  bool AnswerTheDying();

  // Calls visit(slot, view) for each request being executed, with no lock held.
  template <typename Visit>
  void ForEach(Visit visit);

 private:
  std::vector<RequestSlot*> Slots();
  void AnswerIfDying(RequestSlot& slot, uint64_t unique);
  static bool View(RequestSlot& slot, RequestView* view);

  Transport& transport_;
  Mutex mu_{LockRank::kInFlight};
  std::deque<RequestSlot> slots_ ABSL_GUARDED_BY(mu_);  // addresses are for good
  std::vector<RequestSlot*> free_ ABSL_GUARDED_BY(mu_);
};

// Milliseconds of a clock that costs next to nothing and never goes back.
int64_t CoarseMs();

template <typename Visit>
void InFlight::ForEach(Visit visit) {
  for (RequestSlot* slot : Slots()) {
    RequestView view;
    if (View(*slot, &view)) visit(*slot, view);
  }
}

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_IN_FLIGHT_H_
