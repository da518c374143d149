// The blocks of a LayerIndex file: directories in parts, and in these their entries, sorted by name.
//
// A directory's first entry is the directory itself, with the empty name.  One that does not fit into a block
// goes on in the next ones, each of which begins with the next part of it.  Pure; IndexBlock is immutable
// once parsed; any thread.
#ifndef PLYFS_ENGINE_FORMAT_LAYER_INDEX_BLOCK_H_
#define PLYFS_ENGINE_FORMAT_LAYER_INDEX_BLOCK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/result.h"
#include "engine/format/attr.h"
#include "engine/format/layer_index.h"

namespace plyfs {

// One object, as it is written.
struct IndexEntry {
  std::string name;
  Attr attr;  // the layer's own: ino is its number; btime counts only with has_birth
  bool has_birth = false;
  std::string target;  // of a symlink
  // Attributes of the overlay's (trusted.overlay.*, user.overlay.*), under their full names.
  std::vector<std::pair<std::string, std::string>> records;
  bool others = false;     // there are extended attributes besides
  bool ask_layer = false;  // not all that there is to know stands here
  // A directory, in the one that holds it: it is known to have no entries, whiteouts among them.
  bool holds_nothing = false;
};

// The records' names begin with one of these.
bool IsIndexedRecord(std::string_view xattr);

// One object, as it lies in a block.
class IndexEntryView {
 public:
  std::string_view name() const;
  uint32_t mode() const;
  uint64_t ino() const;
  Attr attr() const;
  bool has_birth() const;
  std::string_view target() const;
  std::optional<std::string_view> record(std::string_view xattr) const;
  bool has_records() const;
  bool others() const;
  bool ask_layer() const;
  bool holds_nothing() const;
  // All of it, as IndexEntry.
  IndexEntry ToEntry() const;

 private:
  friend class IndexBlock;
  friend class IndexPart;
  explicit IndexEntryView(std::string_view bytes) : bytes_(bytes) {}
  bool Valid() const;
  bool ExtrasValid() const;
  static bool RecordsFit(std::string_view records);
  std::string_view extras() const;
  uint16_t flags() const;

  std::string_view bytes_;
};

// A directory, or a part of a large one.
class IndexPart {
 public:
  // From the layer's root, "" itself.
  std::string_view path() const;
  bool first() const;
  // How many parts the directory has (in the first), or which of them this is, counted from 0.
  uint32_t number() const;
  size_t size() const;
  IndexEntryView entry(size_t i) const;
  // The entry of that name.
  std::optional<IndexEntryView> Find(std::string_view name) const;

 private:
  friend class IndexBlock;
  explicit IndexPart(std::string_view bytes) : bytes_(bytes) {}
  bool Valid() const;
  uint16_t name_hash(size_t i) const;
  size_t entry_at(size_t i) const;

  std::string_view bytes_;
};

class IndexBlock {
 public:
  // Null: damaged.  Everything in the block is checked here, and only here.
  static std::optional<IndexBlock> Parse(std::unique_ptr<char[]> bytes, size_t size);
  static std::optional<IndexBlock> Parse(std::string_view bytes);

  // Null: it has no such part.
  std::optional<IndexPart> part(uint32_t number) const;
  size_t parts() const { return parts_.size(); }
  size_t bytes() const { return size_ + parts_.capacity() * sizeof(uint16_t); }

 private:
  IndexBlock(std::unique_ptr<char[]> bytes, size_t size) : bytes_(std::move(bytes)), size_(size) {}
  bool FindParts();

  std::unique_ptr<char[]> bytes_;
  size_t size_;
  std::vector<uint16_t> parts_;
};

// Writes a file: directories in any order, each once.  What comes out goes to the sink in the order of the
// file, from behind the header on; the header comes last, for the front.
class IndexEncoder {
 public:
  using Sink = std::function<Status(std::string_view bytes)>;
  IndexEncoder(const IndexHashKey& key, Sink sink) : sink_(std::move(sink)) { header_.hash_key = key; }

  // Whether a name of the path, or what it leads to, is longer than the format has room for.
  static bool Fits(std::string_view path);
  // REQUIRES: Fits(path); `entries` sorted by name, the first the directory itself with an empty one.  What
  // is too long of an entry is left out, and it says to ask the layer.
  Status AddDirectory(std::string_view path, std::vector<IndexEntry> entries);
  // `about`: what the header is to say of the layer; the rest is filled in.
  Result<IndexHeader> Finish(const IndexHeader& about);

 private:
  Status StartBlock();
  Status WritePart(std::string_view path, const std::vector<std::string>& entries, size_t from, size_t to,
                   bool first, uint32_t number);

  Sink sink_;
  IndexHeader header_;
  std::string block_;
  uint32_t parts_ = 0;  // in it
  std::vector<IndexSlot> slots_;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_LAYER_INDEX_BLOCK_H_
