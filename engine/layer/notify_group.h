// NotifyGroup: one queue of the kernel's notices about directories: fanotify where the filesystem can,
// inotify where it cannot.
//
// Owned by Watcher.  Add may be called from any thread; Read by one.  A directory is known by a key.  A key
// may come to mean two directories (a handle is unique only in its filesystem, and is hashed): a notice may
// then reach somebody whom it does not concern, which is harmless.
//
// fanotify: marks are inode marks (2.5 µs each), set by descriptor; notices tell the process that made the
// change, so ours are left out (design.md).  inotify: does not tell, and is therefore only for what we never
// change ourselves.
//
// One mark may stand for a whole filesystem (fanotify, privileged): then everybody's changes there come, and
// those of directories that nobody asked about are dropped before they cost anything.
#ifndef PLYFS_ENGINE_LAYER_NOTIFY_GROUP_H_
#define PLYFS_ENGINE_LAYER_NOTIFY_GROUP_H_

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "engine/base/result.h"
#include "engine/io/unique_fd.h"

namespace plyfs {

// What may have happened, or-ed together.
enum LayerChange : uint8_t {
  kChangedNames = 1,       // a name came, went or means something else
  kChangedContent = 2,     // data was written
  kChangedAttributes = 4,  // mode, owner, times, xattrs (overlay records among them)
  kDirectoryMoved = 8,     // the watched directory itself was renamed or removed
};

struct Notice {
  uint64_t key = 0;
  uint8_t what = 0;   // LayerChange; 0: `gone` is all there is to tell
  bool gone = false;  // a directory of this key is no more, and its mark with it
  std::string name;   // in the directory; empty: the directory itself
};

class NotifyGroup {
 public:
  // EPERM, ENOSYS, EMFILE: not to be had here.
  static Result<std::unique_ptr<NotifyGroup>> Fanotify();
  static Result<std::unique_ptr<NotifyGroup>> Inotify();
  virtual ~NotifyGroup() = default;

  // Watches the directory that `dir` (O_PATH or not) holds; gives its key.  Doing it again changes nothing.
  // ENOSPC: no more marks may be had.  Others: this directory cannot be watched in this way.
  virtual Result<uint64_t> Add(int dir) = 0;
  // Likewise by one mark for the whole filesystem that the directory lies in; nothing is told of stores into
  // a file until its writer closes it.  Errors: not to be had for this filesystem, or not by us.
  virtual Result<uint64_t> AddFilesystem(int) { return Errno(EOPNOTSUPP); }
  // Drops all marks; `keys` are theirs.
  virtual void Flush(const std::vector<uint64_t>& keys) = 0;
  // Keys of the two kinds never meet.
  static bool IsInotify(uint64_t key) { return key & kInotifyBit; }

  using Known = absl::FunctionRef<bool(uint64_t key)>;
  // Appends what is waiting for keys that are known, never blocks.  False: notices were lost.
  bool Read(Known known, std::vector<Notice>* out);
  // Readable when something waits.
  int fd() const { return fd_.get(); }

 protected:
  static constexpr uint64_t kInotifyBit = uint64_t{1} << 63;

  explicit NotifyGroup(UniqueFd fd) : fd_(std::move(fd)) {}
  // Takes one buffer apart.  False: the queue had overflowed.
  virtual bool Parse(std::string_view buffer, Known known, std::vector<Notice>* out) = 0;

 private:
  const UniqueFd fd_;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_NOTIFY_GROUP_H_
