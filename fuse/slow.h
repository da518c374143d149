// SlowWatch: tells of requests that hang, and lets dying clients go.
//
// Owned by Session.  One thread that ticks once a second while anything is being executed and sleeps
// otherwise; a request costs it one read of a flag.
#ifndef PLYFS_FUSE_SLOW_H_
#define PLYFS_FUSE_SLOW_H_

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "engine/base/mutex.h"
#include "engine/ops/whereabouts.h"
#include "fuse/in_flight.h"

namespace plyfs::fuse {

class SlowWatch {
 public:
  // Where a node is and what layer was asked last, in words; must not block.
  using Locate = std::function<Whereabouts(NodeId node, LayerId asked)>;

  SlowWatch(InFlight& in_flight, Locate locate) : in_flight_(in_flight), locate_(std::move(locate)) {}
  ~SlowWatch() { Stop(); }

  void Start();
  void Stop();
  // After a request was entered into its slot.
  void Wake() {
    if (!awake_.load()) WakeUp();
  }
  // One line a request being executed.
  void LogAll();

 private:
  void Run();
  void WakeUp();
  void Tick();

  InFlight& in_flight_;
  const Locate locate_;
  std::atomic<bool> awake_{false};
  Mutex mu_{LockRank::kSlowWatch};
  CondVar changed_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

// "LOOKUP "/d/x" at lowerdir=/l from pid 7, for 3000 ms".  `where`: of the view's node.
std::string DescribeView(const RequestView& view, const Whereabouts& where);

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_SLOW_H_
