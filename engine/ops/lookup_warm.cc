#include "engine/ops/warm.h"

namespace plyfs::warm {
namespace {

// Where the whole listing is known, what it does not have is nowhere.  The answer goes into the cache as
// well: when layers come or go, that says which names the client has been told are absent (coherence.h).
bool FindAbsent(Tree& tree, Inode& dir, Name name) {
  if (!dir.is_dir() || !tree.ask_listings) return false;
  std::shared_ptr<MergedDir> listing = dir.listing();
  if (!listing || listing->Find(name).anyone()) return false;
  dir.NoteListingUse();
  DentryCache::Ticket ticket;
  if (tree.dentries.FindOrBegin(dir.id(), name, &ticket).state != DentryCache::State::kUnknown) return false;
  // Whoever changes the name from here on takes the ticket away.
  if (dir.listing() != listing || listing->Find(name).anyone()) {
    tree.dentries.Abandon(ticket, name);
    return false;
  }
  return tree.dentries.Finish(ticket, name, {DentryCache::State::kAbsent, 0});
}

}  // namespace

std::optional<Result<Entry>> Lookup(Tree& tree, NodeId parent, Name name) {
  InodeRef dir = tree.inodes.Find(parent);
  if (!dir || !dir->watched()) return std::nullopt;
  uint32_t ttl = tree.ttl_s.load(std::memory_order_relaxed);
  DentryCache::Found found = tree.dentries.Find(parent, name);
  if (found.state == DentryCache::State::kAbsent) return Result<Entry>(Entry{0, Attr(), ttl, ttl});
  if (found.state == DentryCache::State::kUnknown && FindAbsent(tree, *dir, name)) {
    return Result<Entry>(Entry{0, Attr(), ttl, ttl});
  }
  if (found.state != DentryCache::State::kPresent) return std::nullopt;
  InodeRef inode = tree.inodes.Find(found.node);
  if (!inode) return std::nullopt;
  std::optional<Attr> attr = inode->CachedAttr();
  if (!attr) return std::nullopt;
  tree.inodes.AddLookup(*inode);
  attr->ino = inode->st_ino();  // that stays from now on; the one above may have gone
  return Result<Entry>(Entry{inode->id(), *attr, ttl, tree.AttrTtl(*inode, /*kept=*/true)});
}

}  // namespace plyfs::warm
