#include "engine/ops/name_change.h"

#include "engine/ops/narrow.h"

namespace plyfs {
namespace {

// The greatest, so that it is taken after those of files (docs/locks.md).
constexpr uint64_t kAllDirectories = ~uint64_t{0};

}  // namespace

uint64_t LoadKey(const Inode& dir, const Name& name) {
  return dir.id() * 31 + name.hash();
}

uint64_t MoveKey(const Inode& inode) {
  return inode.is_dir() ? kAllDirectories : inode.id();
}

NameChange::NameChange(Parts& parts, const std::vector<Place>& places,
                       const std::vector<const Inode*>& moved) {
  std::vector<uint64_t> keys;
  for (const Place& place : places) keys.push_back(LoadKey(place.dir, place.name));
  loads_ = parts.loads.AcquireAll(std::move(keys));
  keys.clear();
  for (const Inode* inode : moved) {
    if (inode) keys.push_back(MoveKey(*inode));
  }
  moves_ = parts.moves.AcquireAll(std::move(keys));
}

void SetName(Parts& parts, const Inode& dir, Name name, const Inode* inode, Trust trust) {
  DentryCache& dentries = parts.tree.dentries;
  const NodeId node = inode ? inode->id() : 0;
  LowerPath spelling = inode ? inode->SpellingOf(dir, name.bytes()) : LowerPath();
  if (!StillWatched(dir, trust)) {
    (void)dentries.SetUnknown(dir.id(), name, node, std::move(spelling));
  } else if (inode) {
    dentries.SetPresent(dir.id(), name, node, std::move(spelling));
  } else {
    dentries.SetAbsent(dir.id(), name);
  }
}

void SetGone(Parts& parts, Inode& dir, Name name, Trust trust) {
  if (!IsCheap(dir, ListedName(parts.tree, dir, name))) return SetName(parts, dir, name, nullptr, trust);
  parts.tree.dentries.Erase(dir.id(), name);
}

void ForgetName(Parts& parts, const InodeRef& dir, Name name) {
  parts.tree.dentries.Doubt(dir->id(), name);
  dir->DropListing();
  dir->DropAttr();
  if (parts.invalidator) parts.invalidator->InvalidateEntry(dir->id(), name.bytes());
}

}  // namespace plyfs
