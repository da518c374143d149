#include "engine/base/clock.h"
#include "engine/ops/warm.h"

namespace plyfs::warm {
namespace {

using Cache = plyfs::OpenDir::Cache;

// What the client may keep of the listing between its opens of the directory (FOPEN_CACHE_DIR): it drops that
// itself when it changes the directory, and is told to (a notice, or the next open) when somebody else does.
// Nothing while nobody would tell of changes, and shortly after one, when replies from before it may still be
// under way to the cache.
Cache WhatToCache(const Inode& dir) {
  constexpr uint32_t kShortlyS = 2;
  bool told = Inode::WatchOf(dir.watch_word()) != Inode::Watch::kCannot;
  bool rests = dir.changed_by_hand_s() == 0 || MonotonicSeconds() > dir.changed_by_hand_s() + kShortlyS;
  if (!told || !rests || dir.unlinked()) return Cache::kNone;
  std::shared_ptr<MergedDir> listing = dir.watched() ? dir.listing() : nullptr;
  return listing && listing->client_has_it() ? Cache::kKeep : Cache::kAnew;
}

}  // namespace

Opened OpenDir(HandleTable<plyfs::OpenDir>& dirs, const InodeRef& dir, uint32_t flags, bool atime_due) {
  Cache cache = atime_due ? Cache::kNone : WhatToCache(*dir);
  Opened opened;
  opened.cache_dir = cache != Cache::kNone;
  opened.keep_cache = cache == Cache::kKeep;
  opened.handle = dirs.Add(dir, flags, cache);
  return opened;
}

}  // namespace plyfs::warm
