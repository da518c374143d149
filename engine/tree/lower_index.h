// LowerIndex: the merged listing of one directory's lower members, folded and frozen.
//
// Built once (LowerIndexBuilder, by whoever reads the layers), then immutable and shared; any thread.  Names
// lie in one arena; entries keep the order in which they were first seen, which is the order of cookies.
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

namespace plyfs {

class LowerIndex {
 public:
  struct Entry {
    uint64_t ino = 0;  // the merged tree's number
    uint32_t name_at = 0;
    LayerId layer = 0;  // the topmost that holds the name
    uint8_t name_size = 0;
    uint8_t type = 0;  // DT_*
  };

  size_t size() const { return entries_.size(); }
  const Entry& entry(size_t i) const { return entries_[i]; }
  std::string_view name(size_t i) const {
    return std::string_view(names_.data() + entries_[i].name_at, entries_[i].name_size);
  }
  std::optional<uint32_t> Find(const Name& name) const;
  size_t bytes() const;

 private:
  friend class LowerIndexBuilder;
  std::vector<Entry> entries_;
  std::string names_;
  std::vector<uint32_t> table_;  // open addressing, index + 1, 0 is empty; size a power of two
};

class LowerIndexBuilder {
 public:
  LowerIndexBuilder();

  // The layers' entries, topmost layer first.  A name seen before in a higher layer stays as it was; false.
  bool Add(LayerId layer, std::string_view name, uint8_t type, uint64_t ino);
  // A whiteout hides the name in the layers below.
  void AddWhiteout(LayerId layer, std::string_view name);
  std::shared_ptr<const LowerIndex> Build();

 private:
  // Marks a name that is hidden; never part of the built index.
  static constexpr uint8_t kHidden = 0xff;
  bool Put(LayerId layer, std::string_view name, uint8_t type, uint64_t ino);
  void Grow();

  std::unique_ptr<LowerIndex> index_;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_TREE_LOWER_INDEX_H_
