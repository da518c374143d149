#include "engine/ops/warm.h"

namespace plyfs::warm {
namespace {

// Where the whole listing is known, what it does not have is nowhere.
bool KnownAbsent(const Tree& tree, Inode& dir, Name name) {
  if (!dir.is_dir() || !tree.ask_listings) return false;
  std::shared_ptr<MergedDir> listing = dir.listing();
  if (!listing || listing->Find(name).anyone()) return false;
  dir.NoteListingUse();
  return true;
}

}  // namespace

std::optional<Result<Entry>> Lookup(Tree& tree, NodeId parent, Name name) {
  InodeRef dir = tree.inodes.Find(parent);
  if (!dir || !dir->watched()) return std::nullopt;
  uint32_t ttl = tree.ttl_s.load(std::memory_order_relaxed);
  DentryCache::Found found = tree.dentries.Find(parent, name);
  if (found.state == DentryCache::State::kAbsent) return Result<Entry>(Entry{0, Attr(), ttl, ttl});
  if (found.state == DentryCache::State::kUnknown && KnownAbsent(tree, *dir, name)) {
    return Result<Entry>(Entry{0, Attr(), ttl, ttl});
  }
  if (found.state != DentryCache::State::kPresent) return std::nullopt;
  InodeRef inode = tree.inodes.Find(found.node);
  if (!inode) return std::nullopt;
  std::optional<Attr> attr = inode->CachedAttr();
  if (!attr) return std::nullopt;
  tree.inodes.AddLookup(*inode);
  return Result<Entry>(Entry{inode->id(), *attr, ttl, tree.AttrTtl(*inode)});
}

}  // namespace plyfs::warm
