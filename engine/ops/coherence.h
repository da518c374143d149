// Coherence: keeps what is known of the merged tree true while people change its layers by hand (lower=watch;
// semantics U1-U15, section 8).
//
// Policy over layer/Watcher.  Owned by Parts; null with lower=frozen, where every directory counts as
// watched. WatchDir and LayersChanged may be called from any thread; notices are handled on the watcher's own
// thread, which may block on the layers and on changes under way, and which no request ever waits for.
//
// The invariant: what the tree remembers of a directory (names, absences, listing) or of an object
// (attributes) was read after every copy of the directory in the layers was being watched.  What may not be
// remembered is asked anew each time, and the client is told to keep it for one second (U2).  That goes too
// for attributes of regular files in directories that have no mark of their own (Watcher, kByFilesystem): who
// keeps a file open for writing is told of only when he closes it.
#ifndef PLYFS_ENGINE_OPS_COHERENCE_H_
#define PLYFS_ENGINE_OPS_COHERENCE_H_

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "engine/base/mutex.h"
#include "engine/base/name.h"
#include "engine/layer/probe.h"
#include "engine/layer/watcher.h"
#include "engine/tree/inode.h"

namespace plyfs {

struct Parts;

class Coherence final : private Watcher::Sink {
 public:
  explicit Coherence(Parts& parts, const Watcher::Options& options = Watcher::Options());
  // No notice is handled any more when it returns.
  ~Coherence() override;
  // Ends the work in the background soon; waits for nothing.  What is watched already stays so.
  void Stop();

  // Before the directory is first read: watches all its copies, unless that was done; gives its watch word
  // (Inode::watch_word).
  uint32_t Watch(const InodeRef& dir);
  // The directories above it: a change there may change what is beneath.
  void WatchAbove(const InodeRef& dir);

  // A directory on its way to being watched by who reads it anyway: each copy is marked when it has been
  // opened, before its first entry is read, so that nothing falls between.
  class Marking {
   public:
    // REQUIRES: WatchAbove(dir).
    Marking(Coherence& coherence, const InodeRef& dir)
        : coherence_(coherence), dir_(dir), before_(dir->watch_word()) {}
    // What marking one copy has come to.
    struct Marked {
      Watcher::Outcome outcome = Watcher::Outcome::kWatched;
      CopiesDigest copy;
    };
    void Upper(int copy) { Note(Mark(copy, Watcher::Changes::kOurs), nullptr); }
    void Lower(int copy, const Layer& layer) { Note(MarkLower(copy), &layer); }
    // The two halves of the latter: the first on any thread, the other on the owner's.
    Marked MarkLower(int copy) const { return Mark(copy, Watcher::Changes::kOthers); }
    void Note(const Marked& marked, const Layer* layer);
    // Copies that the lookup opened, and what it saw of them, are used: Finish then gives nothing if they may
    // have become others since, and the next reader does not rely on them.  False: nothing was seen.
    bool RelyOnSeen();
    // A copy cannot be reached.
    void Fail() { outcome_ = Watcher::Outcome::kUnwatchable; }
    // The watch word from now on.  Nothing: the copies are others by now; what was read of them is void.
    std::optional<uint32_t> Finish();

   private:
    Marked Mark(int copy, Watcher::Changes changes) const;
    bool failed() const;

    Coherence& coherence_;
    const InodeRef dir_;
    const uint32_t before_;
    bool relies_on_seen_ = false;
    CopiesDigest copies_;
    Watcher::Outcome outcome_ = Watcher::Outcome::kWatched;
  };
  // A directory's copy that is about to be put into upper; what is known of the directory stays.  False: it
  // is not watched, and LayersChanged must be called once it stands there.
  bool WatchStaged(const Inode& dir, int copy);
  // The set of the directory's copies has changed: forgets everything beneath it.
  void LayersChanged(const InodeRef& dir);

  // `inode` was found so.  Where a redirect helped, changes in the directories that lead there concern it.
  // `rounds` as they were before the layers were asked.
  void FoundBeside(const InodeRef& inode, const Probed& found, uint64_t rounds);
  // How often notices have been dealt with.
  uint64_t rounds() const { return rounds_.load(std::memory_order_acquire); }

  // The objects' names are to be looked at again, by the watcher's thread, parents first.
  void DoubtLater(const std::vector<InodeRef>& objects);
  // Likewise the name, which led to `node` and seems to lead elsewhere now.
  void DoubtName(const Inode& dir, Name name, NodeId node);

  // What an overflow of the kernel's queue does: forgets everything.
  void ForgetAll();
  const Watcher& watcher() const { return watcher_; }

 private:
  // A name to be looked at again, known to have meant `child` (0: what the dentry cache says).  `what` is 0
  // where that is moot once `child` has lost the name.  No name: a change of ours was under way in the
  // directory when what is beneath was forgotten.
  struct Doubt {
    NodeId dir = 0;
    std::string name;
    uint8_t what = 0;
    NodeId child = 0;
  };

  void OnEvents(std::vector<Watcher::Event> events, bool lost) override;
  // `relisted`: the directories whose listings were dropped.
  std::vector<Doubt> DoubtsOf(const std::vector<Watcher::Event>& events,
                              absl::flat_hash_set<NodeId>* relisted);
  void DirectoryItself(const InodeRef& dir, uint8_t what, std::vector<Doubt>* doubts);
  void RecheckAll(const std::vector<Doubt>& doubts);
  void DropGone(const std::vector<Watcher::Event>& events);

  void DropForgotten(const std::vector<NodeId>& nodes);
  void DoubtRedirected(const std::vector<Watcher::Event>& events);

  void Recheck(const Doubt& doubt);
  InodeRef MeantBy(const Doubt& doubt, const Inode& dir);
  void NameInDoubt(const InodeRef& dir, Name name, const InodeRef& child, uint8_t what);
  bool SameData(const InodeRef& dir, Name name, const Inode& child);
  void LoseName(const InodeRef& dir, Name name, const InodeRef& child);
  void ObjectChanged(const InodeRef& inode, bool data);
  void ListingChanged(const InodeRef& dir);

  enum class Settled { kNo, kYes };
  void ForgetBeneath(const InodeRef& top, Settled changes_of_top = Settled::kNo);
  std::vector<Doubt> ChangesUnderWay(const absl::flat_hash_set<NodeId>& dirs) const;
  void AfterChange(const InodeRef& dir);
  void ForgetObject(const InodeRef& inode);
  void Later(std::vector<Doubt> doubts);

  uint32_t WatchOne(const InodeRef& dir);
  static bool AsSeen(const Inode& dir, const CopiesDigest& now);
  bool SameCopies(const InodeRef& dir);
  void MarkCopies(const InodeRef& dir, Marking* marking);
  void TellNoRoom();
  void TellByFilesystem();
  void MakeRoom();

  Parts& parts_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> rounds_{0};
  std::atomic<bool> wants_room_{false};
  std::atomic<bool> told_no_room_{false};
  std::atomic<bool> told_by_filesystem_{false};
  std::atomic<bool> told_unwatchable_{false};
  std::chrono::steady_clock::time_point last_room_{};  // watcher's thread only

  Mutex mu_{LockRank::kCoherence};
  std::vector<Doubt> later_ ABSL_GUARDED_BY(mu_);
  // What redirects have led to, and the directories on the way, which are watched on its behalf.
  absl::flat_hash_map<NodeId, std::vector<LowerMember>> redirected_ ABSL_GUARDED_BY(mu_);
  static constexpr size_t kFewRedirected = 1024;
  size_t check_at_ ABSL_GUARDED_BY(mu_) = kFewRedirected;  // so many, and forgotten ones are let go

  Watcher watcher_;  // last: its thread uses the rest
};

// What was known of the directory's watching when something was about to be read from its layers.
struct Trust {
  uint32_t word = 0;
  bool keeps() const { return Inode::Tells(word); }
};

// Watches the directory, if that is not done, and says whether what is read from now on may be kept.
Trust WatchDir(Parts& parts, const InodeRef& dir);
// Likewise, unless so little is asked of a directory of many layers that watching them does not pay yet: what
// is read of it then is not kept.
Trust WatchIfWorthwhile(Parts& parts, const InodeRef& dir);
// What was read since may be kept: nothing about the watching has changed.
inline bool StillWatched(const Inode& dir, Trust trust) {
  return trust.keeps() && dir.watch_word() == trust.word;
}
// Likewise for an object's attributes: watches the directories that hold its names.
Inode::Watching WatchAround(Parts& parts, const InodeRef& inode);

// The object was not where it was: its names are to be asked for again.
void DoubtNames(Parts& parts, const InodeRef& inode);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_COHERENCE_H_
