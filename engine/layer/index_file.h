// IndexFile: the LayerIndex file of one layer, open for reading: what stands in a directory of the layer,
// without a call on the layer.
//
// Owned by its Layer; any thread; reads the file with pread, piece by piece as asked, into memory that
// IndexMemory bounds.  A file is checked when it is opened and each piece when it is read; one that turns out
// damaged (truncated or overwritten under a live mount, too) is given up with one logged line, and from then
// on it knows nothing.
#ifndef PLYFS_ENGINE_LAYER_INDEX_FILE_H_
#define PLYFS_ENGINE_LAYER_INDEX_FILE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/mutex.h"
#include "engine/base/result.h"
#include "engine/format/layer_index.h"
#include "engine/format/layer_index_block.h"
#include "engine/io/unique_fd.h"
#include "engine/layer/index_memory.h"

namespace plyfs {

class Layer;

// Which layer a directory is, for the name and the header of its file.  A filesystem may have no UUID, or one
// of zeros; then the handle must do.  EOPNOTSUPP: it has no handles, by which to know the directory again.
Result<LayerIdentity> IdentityOf(const Layer& layer);

class IndexFile final : private IndexShelf {
 public:
  // What the mount asks of its files.
  struct Terms {
    bool frozen = false;   // the root's ctime must be that of the file
    bool trusted = false;  // trusted.overlay.* records must have been seen
  };
  // Null: there is none; or *why says why it is not to be used.  `folder`: a descriptor of the files'
  // directory.
  static std::unique_ptr<IndexFile> Open(int folder, const Layer& layer, const Terms& terms,
                                         IndexMemory* memory, std::string* why);
  ~IndexFile() override = default;

  using Block = IndexPiece<IndexBlock>;
  using Page = IndexPiece<IndexPage>;

 private:
  // A part of a directory that stands in the table, and the number of its block.
  struct Part {
    std::shared_ptr<const Block> block;
    IndexPart part;
    uint32_t number;
  };

 public:
  // An entry; valid while this lives.
  struct Held {
    std::shared_ptr<const Block> block;
    IndexEntryView entry;
  };
  // A directory as the file has it; keeps what it needs in memory.
  class Directory {
   public:
    IndexEntryView itself() const { return itself_; }
    Held held() const { return Held{block_, itself_}; }

   private:
    friend class IndexFile;
    Directory(std::shared_ptr<const Block> block, IndexEntryView itself)
        : block_(std::move(block)), itself_(itself) {}
    std::shared_ptr<const Block> block_;
    IndexEntryView itself_;
    std::optional<Part> part_;  // the first; nothing: it holds nothing
  };
  // Nothing: the file does not know the directory.  `path` as LowerPath::ToString.
  std::optional<Directory> Find(std::string_view path);

  // What a directory has at a name.
  struct Answer {
    bool known = false;        // false: ask the layer
    std::optional<Held> held;  // nothing: the name is not there
  };
  Answer Ask(std::string_view path, std::string_view name);
  // The directory's entries, itself apart, in the order of their names; ends early with the error that
  // `visit` gives.  kGivenUp: the file was given up amid it; what was visited is void.
  static constexpr int kGivenUp = 1 << 16;  // no errno of any call
  Status Visit(const Directory& dir, const std::function<Status(const IndexEntryView&)>& visit);

  // Whether the layer's filesystem has POSIX ACLs.
  bool has_acls() const { return header_.acls; }
  // Whether a directory last changed then may have changed once more after it was read, its times staying.
  bool Doubtful(const TimeSpec& mtime) const;

 private:
  IndexFile(UniqueFd fd, IndexHeader header, std::string layer, IndexMemory* memory);
  bool LoadHashes();
  Result<std::string> ReadExactly(uint64_t at, size_t size) const;
  // Null: given up.
  std::shared_ptr<const Page> LoadPage(uint32_t number);
  std::shared_ptr<const Block> LoadBlock(uint32_t number);
  // The first part of a directory that the table has.
  std::optional<Part> FindPart(std::string_view path);
  std::optional<Part> Follow(const IndexSlot& slot, std::string_view path);
  // Part `number` of the same directory, counted from 0.
  std::optional<Part> PartOf(const Part& first, uint32_t number);
  // Nothing: given up.  (known with no entry: the name is not there.)
  std::optional<Answer> AskPart(Part first, std::string_view name);
  void GiveUp(const char* why);
  bool DropUnused(uint32_t place) override;

  const UniqueFd fd_;
  const IndexHeader header_;
  const std::string layer_;  // its path, for messages
  IndexMemory* const memory_;
  std::vector<uint64_t> page_hashes_;  // constant once open
  std::atomic<bool> given_up_{false};

  Mutex mu_{LockRank::kIndexFile};
  std::vector<std::shared_ptr<const Block>> blocks_ ABSL_GUARDED_BY(mu_);
  std::vector<std::shared_ptr<const Page>> pages_ ABSL_GUARDED_BY(mu_);
};

// The directory that holds the files: opened, and found to be nobody else's.  *why as above.
Result<UniqueFd> OpenIndexFolder(const std::string& path, std::string* why);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_INDEX_FILE_H_
