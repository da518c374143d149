// Watcher: tells which directories of layers were changed by others than this process (semantics U2).
//
// Mechanism only: a directory is watched on behalf of a number (the nodeid of the merged directory), and it
// is that number that comes back; what a change means is ops/coherence's.  Owned by Coherence.  Watch may be
// called from any thread and costs a few microseconds; it never blocks on a layer for longer than asking it
// for the directory's handle does.  One thread, started by the first Watch, reads the notices and calls the
// sink, which may block; while it reads of nothing but our own changes it does so every few milliseconds.
// Marks are bounded, about 40 bytes each here (the kernel pins an inode for each).  Beyond the bound one mark
// watches a whole filesystem where that may be had: everybody's changes there are read, and those of
// directories that are not known cost a look into a table.
#ifndef PLYFS_ENGINE_LAYER_WATCHER_H_
#define PLYFS_ENGINE_LAYER_WATCHER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "engine/base/ids.h"
#include "engine/base/mutex.h"
#include "engine/layer/notify_group.h"

namespace plyfs {

class Watcher {
 public:
  enum class Outcome {
    kWatched,
    kByFilesystem,  // likewise, but of stores into a file only when its writer closes it
    kNoRoom,        // the bound, or the kernel's, is reached
    kUnwatchable,   // the filesystem cannot, or not so that our own changes are told apart
  };
  // Whose changes a directory may see.
  enum class Changes {
    kOurs,    // upper: this process writes there too
    kOthers,  // lowers
  };
  struct Event {
    NodeId node = 0;
    std::string name;   // empty: the directory itself
    uint8_t what = 0;   // LayerChange
    bool gone = false;  // a directory watched for `node` may be no more: see Remove
    uint64_t key = 0;
  };
  class Sink {
   public:
    virtual ~Sink() = default;
    // On the watcher's thread.  `lost`: changes have happened that nobody will tell of.  Also called, empty,
    // after Wake.
    virtual void OnEvents(std::vector<Event> events, bool lost) = 0;
  };
  struct Options {
    size_t max_marks = DefaultMarks();
    bool fanotify = true;          // false: as on a system without it
    bool filesystem_marks = true;  // false: as without privileges
    size_t max_by_filesystem = size_t{1} << 19;
  };
  // Three quarters of what the kernel grants one user: mounts of others need some as well.
  static size_t DefaultMarks();

  Watcher(Sink& sink, const Options& options);
  // Waits for the sink to return.
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // The directory that `dir` (O_PATH or not) holds.  What changes in it after kWatched was returned is told,
  // and its own attributes; those of its subdirectories only to who watches these
  // (fs/notify/fanotify/fanotify.c:fanotify_dfid_inode).
  Outcome Watch(NodeId node, int dir, Changes changes);
  // `node` is not to be told of this key any more.
  void Remove(uint64_t key, NodeId node);
  // Drops every mark.  Who was being watched meanwhile may be so or not.
  void Flush();
  // Calls the sink soon.
  void Wake();

  // Directories that are watched; of them, those that have no mark of their own.
  size_t marks() const;
  size_t by_filesystem() const;
  // For whom directories are watched, each at least once.
  std::vector<NodeId> Nodes() const;

 private:
  using Nodelist = absl::InlinedVector<NodeId, 1>;
  using Directories = absl::flat_hash_map<uint64_t, Nodelist>;

  Outcome WatchByFilesystem(NodeId node, int dir);
  static void Know(uint64_t key, NodeId node, Directories* directories);
  static void Forget(uint64_t key, NodeId node, Directories* directories);
  Result<uint64_t> AddMark(int dir, Changes changes) const;
  void StartThread();
  void Run();
  bool IsKnown(uint64_t key) const;
  std::vector<Event> EventsOf(const std::vector<Notice>& notices) const;

  Sink& sink_;
  const Options options_;
  // Constant; null where the kernel has none for us.
  std::unique_ptr<NotifyGroup> fanotify_;
  std::unique_ptr<NotifyGroup> inotify_;
  UniqueFd wake_;

  mutable Mutex mu_{LockRank::kWatcher};
  Directories marked_ ABSL_GUARDED_BY(mu_);
  Directories by_filesystem_ ABSL_GUARDED_BY(mu_);
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // constant after construction until Stop
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_WATCHER_H_
