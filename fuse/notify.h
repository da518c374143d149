// Notifier: tells the kernel's caches what has changed without its knowing.
//
// Owned by Session.  Posting never blocks and may happen under any lock; the writes, which may wait for
// requests that run in the same directory (transport.md section 9), come from threads of the notifier's own.
// Notices about one node are sent in the order of posting, one at a time; one equal to a notice that still
// waits is dropped.  When all senders are stuck another is added, up to 16.
//
// A node that the kernel does not know may be that of a reply on its way, with what was true before: then the
// names by which it was told of are taken back, which waits for that reply.
#ifndef PLYFS_FUSE_NOTIFY_H_
#define PLYFS_FUSE_NOTIFY_H_

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/base/mutex.h"
#include "engine/ops/request.h"
#include "fuse/transport.h"

namespace plyfs::fuse {

class Notifier : public Invalidator {
 public:
  // Parents and names of a node that the client was told of.  Asked by a sender, with no lock held, never
  // after Stop has returned true.
  using NamesOf = std::function<std::vector<std::pair<NodeId, std::string>>(NodeId)>;

  explicit Notifier(Transport& transport, NamesOf names_of = {})
      : transport_(transport), names_of_(std::move(names_of)) {}

  // expire_only: names are to be asked for again, but what is mounted below them stays
  // (FUSE_HAS_EXPIRE_ONLY).
  void Start(bool expire_only);
  // Nothing more is sent.  False: after `timeout` a sender is still stuck in the kernel.
  bool Stop(std::chrono::milliseconds timeout);

  void InvalidateEntry(NodeId parent, std::string_view name) override;
  void InvalidateAttr(NodeId node) override;
  void InvalidateData(NodeId node) override;

 private:
  enum class Kind : uint8_t { kEntry, kAttr, kData, kNames };
  struct Notice {
    Kind kind;
    std::string name;
    friend bool operator==(const Notice&, const Notice&) = default;
  };
  // The notices about one node.
  struct Lane {
    std::deque<Notice> waiting;
    bool busy = false;
  };

  void Post(NodeId node, Notice notice);
  void AddThread(void (Notifier::*body)()) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Send();       // a sender's life
  void Supervise();  // the supervisor's
  std::pair<NodeId, Notice> Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Done(NodeId node) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Deliver(NodeId node, const Notice& notice);
  void TakeBackNames(NodeId node);
  // The kernel's answer.
  int Write(NodeId node, const Notice& notice);

  Transport& transport_;
  const NamesOf names_of_;
  std::atomic<bool> complained_{false};
  Mutex mu_{LockRank::kNotifier};
  CondVar work_;     // senders
  CondVar stalled_;  // the supervisor, and Stop
  bool expire_only_ ABSL_GUARDED_BY(mu_) = false;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  int threads_ ABSL_GUARDED_BY(mu_) = 0;
  int senders_ ABSL_GUARDED_BY(mu_) = 0;
  int idle_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t taken_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<NodeId, Lane> lanes_ ABSL_GUARDED_BY(mu_);
  std::deque<NodeId> ready_ ABSL_GUARDED_BY(mu_);  // lanes that have something waiting and are not busy
};

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_NOTIFY_H_
