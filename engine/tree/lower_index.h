// LowerIndex: the merged listing of one directory's lower members, folded and frozen.
//
// Built once (LowerIndexBuilder, by whoever reads the layers), then immutable and shared; any thread.  Names
// lie in one arena; entries keep the order in which they were first seen, which is the order of cookies.
//
// It answers for all lower layers at once: a name that is not in it is in none of them, or hidden there, and
// one that is need only be asked for where the entry says.
#ifndef PLYFS_ENGINE_TREE_LOWER_INDEX_H_
#define PLYFS_ENGINE_TREE_LOWER_INDEX_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/name.h"
#include "engine/tree/layer_set.h"

namespace plyfs {

class LowerIndex {
 public:
  struct Entry {
    uint64_t ino = 0;  // the merged tree's number
    uint32_t name_at = 0;
    LayerId layer = 0;  // the topmost that holds the name
    uint16_t set = 0;   // kAlone, kUncounted, or a directory's place in the table of sets, counted from 1
    // Plain ones: likewise, of those layers of the set whose copies hold anything; 0: not known.
    uint16_t filled = 0;
    uint8_t name_size = 0;
    uint8_t type = 0;  // DT_*
    // A directory, in all layers of the set, and none of these has a record (opaque, redirect).
    bool plain = false;
  };
  static constexpr uint16_t kAlone = 0;
  static constexpr uint16_t kUncounted = 0xffff;

  size_t size() const { return entries_.size(); }
  const Entry& entry(size_t i) const { return entries_[i]; }
  std::string_view name(size_t i) const {
    return std::string_view(names_.data() + entries_[i].name_at, entries_[i].name_size);
  }
  std::optional<uint32_t> Find(const Name& name) const;
  // Which layers hold a directory that may join the merge at the entry (their opaque and redirect records
  // were not read).  Null: its topmost layer alone, if the entry says kAlone; if it says kUncounted, any from
  // there on.
  const LayerSet* set(const Entry& entry) const {
    return entry.set == kAlone || entry.set == kUncounted ? nullptr : sets_[entry.set - 1].get();
  }
  // All layers that hold the directory, none of whose copies need be asked what it says of the merge.  Null:
  // it is not plain, or alone.
  LayerSetRef plain_set(const Entry& entry) const {
    return !entry.plain || entry.set == kAlone || entry.set == kUncounted ? nullptr : sets_[entry.set - 1];
  }
  // The layers whose copies of the directory hold anything.  Null: any of the set.
  LayerSetRef filled(const Entry& entry) const {
    return entry.filled == 0 ? nullptr : sets_[entry.filled - 1];
  }
  size_t bytes() const;

 private:
  friend class LowerIndexBuilder;
  std::vector<Entry> entries_;
  std::string names_;
  std::vector<LayerSetRef> sets_;
  std::vector<uint32_t> table_;  // open addressing, index + 1, 0 is empty; size a power of two
};

class LowerIndexBuilder {
 public:
  LowerIndexBuilder();

  // The layers' entries, topmost layer first.  A name seen before in a higher layer stays as it was; false.
  // Of a directory, what is known of this copy.
  struct Known {
    bool plain = false;  // it has no records
    bool empty = false;  // it holds nothing, not even whiteouts
  };
  bool Add(LayerId layer, std::string_view name, uint8_t type, uint64_t ino) {
    return Add(layer, name, type, ino, Known());
  }
  bool Add(LayerId layer, std::string_view name, uint8_t type, uint64_t ino, Known known);
  // A whiteout hides the name in the layers below.
  void AddWhiteout(LayerId layer, std::string_view name);
  // Names seen, hidden ones among them.
  size_t size() const { return index_->entries_.size(); }
  std::shared_ptr<const LowerIndex> Build(LayerSetTable& sets);

 private:
  // Marks a name that is hidden; never part of the built index.
  static constexpr uint8_t kHidden = 0xff;
  // The further layers that hold a name as a directory, as a chain through links_; 0 ends it.
  struct Link {
    LayerId layer = 0;
    uint32_t next = 0;
    bool empty = false;
  };
  struct Chain {
    uint32_t first = 0, last = 0;  // into links_
    bool closed = false;           // something else than a directory ended the merge
    bool top_empty = false;
  };
  bool Put(LayerId layer, std::string_view name, uint8_t type, uint64_t ino, Known known);
  void SeenAgain(uint32_t i, LayerId layer, uint8_t type, Known known);
  // The layers that hold the directory, all of them or those whose copies hold something.
  std::vector<LayerId> HoldersOf(uint32_t i, bool filled) const;
  void Grow();

  std::unique_ptr<LowerIndex> index_;
  std::vector<Chain> chains_;  // of each entry
  std::vector<Link> links_;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_TREE_LOWER_INDEX_H_
