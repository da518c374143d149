// Believer: what a client may believe of attributes: those that it was told to keep, until it is told to drop
// them or does itself what makes it drop them (fs/fuse/dir.c).
//
// Owned by a test, which gives it to the engine; one client on one thread.  The engine's watcher tells it
// things too.
#ifndef PLYFS_ENGINE_TESTING_BELIEVER_H_
#define PLYFS_ENGINE_TESTING_BELIEVER_H_

#include <map>

#include "engine/base/mutex.h"
#include "engine/ops/request.h"

namespace plyfs::model {

class Believer final : public Invalidator {
 public:
  void InvalidateEntry(NodeId, std::string_view) override {}
  void InvalidateAttr(NodeId node) override { Drop(node); }
  void InvalidateData(NodeId node) override { Drop(node); }
  void DropAll() {
    MutexLock lock(mu_);
    attrs_.clear();
  }

  // False: what was believed until now was not true.
  bool IsTold(NodeId node, const Attr& attr, uint32_t ttl_s) {
    MutexLock lock(mu_);
    auto it = attrs_.find(node);
    const bool true_till_now = it == attrs_.end() || Same(it->second, attr);
    if (ttl_s > 0) {
      attrs_.insert_or_assign(node, attr);
    } else {
      attrs_.erase(node);
    }
    return true_till_now;
  }

 private:
  void Drop(NodeId node) {
    MutexLock lock(mu_);
    attrs_.erase(node);
  }
  // Reading moves atimes without a word.
  static bool Same(const Attr& a, const Attr& b) {
    return a.ino == b.ino && a.mode == b.mode && a.uid == b.uid && a.gid == b.gid && a.nlink == b.nlink &&
           a.size == b.size && a.mtime == b.mtime && a.ctime == b.ctime;
  }

  Mutex mu_{LockRank::kTests};
  std::map<NodeId, Attr> attrs_ ABSL_GUARDED_BY(mu_);
};

}  // namespace plyfs::model

#endif  // PLYFS_ENGINE_TESTING_BELIEVER_H_
