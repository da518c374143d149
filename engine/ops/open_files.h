// Open files and open directories, by the handle that the client was given.
//
// Owned by Parts; internally synchronised, any thread.  A handle's descriptor is not here: it lives in
// Parts::file_fds under the descriptor budget and is opened again when it was evicted.
#ifndef PLYFS_ENGINE_OPS_OPEN_FILES_H_
#define PLYFS_ENGINE_OPS_OPEN_FILES_H_

#include <fcntl.h>

#include <atomic>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "engine/base/ids.h"
#include "engine/base/mutex.h"
#include "engine/tree/inode.h"

namespace plyfs {

struct ReadCopies;

struct OpenFile {
  OpenFile(InodeRef opened, uint32_t open_flags) : inode(std::move(opened)), flags(open_flags) {
    inode->AddOpen();
    if (may_write()) inode->AddWriter();
  }
  ~OpenFile() {
    if (may_write()) inode->RemoveWriter();
    inode->RemoveOpen();
  }
  bool may_write() const { return (flags & O_ACCMODE) != O_RDONLY; }

  const InodeRef inode;
  const uint32_t flags;             // as open(2) has them
  std::atomic<bool> wrote = false;  // data was changed through it
};

struct OpenDir {
  // What the client caches of the listing, as it was told when it opened the directory.
  enum class Cache {
    kNone,  // nothing
    kAnew,  // it has dropped what it had, and keeps what it reads through this
    kKeep,  // it has the present listing
  };
  OpenDir(InodeRef opened, uint32_t open_flags, Cache client_cache = Cache::kNone)
      : inode(std::move(opened)), flags(open_flags), cache(client_cache) {
    inode->AddOpen();
  }
  ~OpenDir() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (listing) listing->UnpinView(view);
    inode->RemoveOpen();
  }

  const InodeRef inode;
  const uint32_t flags;  // as open(2) has them
  const Cache cache;
  // The snapshot being read (D4), taken when the client reads from the start.
  Mutex mu{LockRank::kOpenDir};
  std::shared_ptr<MergedDir> listing ABSL_GUARDED_BY(mu);
  uint64_t view ABSL_GUARDED_BY(mu) = 0;
  // Of the directory, where this has read it and its names are looked at; null.
  std::shared_ptr<const ReadCopies> copies ABSL_GUARDED_BY(mu);
};

template <typename Open>
class HandleTable {
 public:
  template <typename... Args>
  Handle Add(Args&&... args) {
    auto open = std::make_shared<Open>(std::forward<Args>(args)...);
    MutexLock lock(mu_);
    Handle handle = next_++;
    map_.emplace(handle, std::move(open));
    return handle;
  }
  // Null: no such handle.
  std::shared_ptr<Open> Find(Handle handle) const {
    MutexLock lock(mu_);
    auto it = map_.find(handle);
    return it == map_.end() ? nullptr : it->second;
  }
  // What was behind it; dropped by the caller, outside the lock.
  std::shared_ptr<Open> Remove(Handle handle) {
    MutexLock lock(mu_);
    auto it = map_.find(handle);
    if (it == map_.end()) return nullptr;
    std::shared_ptr<Open> open = std::move(it->second);
    map_.erase(it);
    return open;
  }
  // Any handle of which `holds`, which takes no lock; 0: none.
  template <typename Holds>
  Handle FindIf(Holds holds) const {
    MutexLock lock(mu_);
    for (const auto& [handle, open] : map_) {
      if (holds(*open)) return handle;
    }
    return 0;
  }
  size_t size() const {
    MutexLock lock(mu_);
    return map_.size();
  }

 private:
  mutable Mutex mu_{LockRank::kHandles};
  absl::flat_hash_map<Handle, std::shared_ptr<Open>> map_ ABSL_GUARDED_BY(mu_);
  Handle next_ ABSL_GUARDED_BY(mu_) = 1;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_OPEN_FILES_H_
