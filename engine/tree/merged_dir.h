// MergedDir: the listing of one directory of the merged tree: an immutable LowerIndex and over it the
// UpperDelta, a table of entries that are born and die.
//
// Shared by its Inode and by open directories (views); internally synchronised, any thread, sections of a few
// instructions an entry.  A change is O(1).  A view is a sequence number: it sees what was born at or before
// it and had not died by then, whatever happens later (semantics D4).  A cookie names one entry for good:
// index entries by their place, delta entries by their birth, which is above every cookie given out before
// (D6).
#ifndef PLYFS_ENGINE_TREE_MERGED_DIR_H_
#define PLYFS_ENGINE_TREE_MERGED_DIR_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/base/ids.h"
#include "engine/base/mutex.h"
#include "engine/base/name.h"
#include "engine/base/string_map.h"
#include "engine/tree/lower_index.h"

namespace plyfs {

class MergedDir {
 public:
  struct Row {
    std::string name;
    uint64_t ino = 0;
    uint8_t type = 0;   // DT_*
    Cookie cookie = 0;  // of this entry
  };

  // Who holds a name now.
  struct Held {
    bool upper = false;                        // known to be there in upper
    bool lower = false;                        // a lower layer's, that upper does not hide
    const LowerIndex::Entry* entry = nullptr;  // what the lower layers hold at the name, hidden or not
    bool anyone() const { return upper || lower; }
  };

  // `index` may be null (a directory that only upper holds).  Cookies start above `first_cookie`.
  MergedDir(std::shared_ptr<const LowerIndex> index, Cookie first_cookie);

  // Files of a copy may be whiteouts: a change of their size or attributes may be one of the listing.  Before
  // the listing is published.
  void NoteXattrWhiteouts() { xattr_whiteouts_ = true; }
  bool xattr_whiteouts() const { return xattr_whiteouts_; }

  // The client caches this very listing: what it has cached of the directory may stay.  Not after SetIno,
  // which is no change that the client knows of.
  void NoteClientHasIt() { client_has_it_.store(true, std::memory_order_release); }
  bool client_has_it() const { return client_has_it_.load(std::memory_order_acquire); }

  // The name is there now, as this; replaces what was there.  Upper's own names at load come through here
  // too.
  void Insert(std::string_view name, uint8_t type, uint64_t ino);
  // The name's number is another one now (S6); its place stays.
  void SetIno(std::string_view name, uint64_t ino);
  // The name is gone.
  void Remove(std::string_view name);

  // A view of the listing as it is now; to be given back.
  uint64_t PinView();
  void UnpinView(uint64_t view);
  // At most `limit` entries with a cookie above `after`, in cookie order.
  std::vector<Row> Read(uint64_t view, Cookie after, size_t limit) const;

  Held Find(const Name& name) const;
  const std::shared_ptr<const LowerIndex>& index() const { return index_; }
  // About what it takes in memory.
  size_t bytes() const;
  // Entries visible now.
  size_t count() const;
  Cookie next_cookie() const;

 private:
  static constexpr uint64_t kNever = ~uint64_t{0};
  static constexpr size_t kLeastDead = 64;
  struct Delta {
    std::string name;
    uint64_t ino;
    Cookie cookie;
    uint64_t born;
    uint64_t died;
    uint8_t type;
  };

  void RemoveLocked(std::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CompactLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant once published.
  const std::shared_ptr<const LowerIndex> index_;
  const Cookie first_cookie_;
  bool xattr_whiteouts_ = false;

  std::atomic<bool> client_has_it_{false};

  mutable SharedMutex mu_{LockRank::kMergedDir};
  std::vector<Delta> deltas_ ABSL_GUARDED_BY(mu_);                           // in cookie order
  StringMap<Cookie> current_ ABSL_GUARDED_BY(mu_);                           // live delta names
  absl::flat_hash_map<uint32_t, uint64_t> index_died_ ABSL_GUARDED_BY(mu_);  // index entry -> sequence
  absl::flat_hash_map<uint32_t, uint64_t> index_ino_
      ABSL_GUARDED_BY(mu_);  // index entries with another number
  std::multiset<uint64_t> views_ ABSL_GUARDED_BY(mu_);
  uint64_t sequence_ ABSL_GUARDED_BY(mu_) = 1;
  Cookie next_cookie_ ABSL_GUARDED_BY(mu_);
  size_t dead_ ABSL_GUARDED_BY(mu_) = 0;
  size_t compact_at_ ABSL_GUARDED_BY(mu_) = kLeastDead;  // dead entries that make a compaction worth trying
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_TREE_MERGED_DIR_H_
