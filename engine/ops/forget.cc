#include <malloc.h>
#include <pthread.h>

#include "engine/ops/ops.h"
#include "engine/ops/stat_inode.h"

namespace plyfs::ops {
namespace {

// What goes with the inode of a directory whose copies a hand has changed, and of a copied-up object that has
// no origin, or none that can be read again (X3, C15): found anew it has the number that layers give it.
bool NumberMayGoToo(const Parts& parts, const Inode& inode) {
  if (inode.is_dir()) return parts.coherence != nullptr;
  if (!inode.is_upper()) return false;
  return !parts.origins->readable() || (parts.config.userxattr && !inode.is_regular());
}

// As Admit would give it.
uint64_t NumberInLayers(Parts& parts, const Inode& inode) {
  uint64_t number = MapIno(parts, inode.upper());
  if (!inode.is_dir()) return number;
  const DirLowers lowers = inode.lowers();
  if (lowers.empty()) return number;
  const uint64_t lower = MapIno(parts, lowers.top);
  if (inode.is_upper() && lower != number && !parts.tree.numbers.Claim(lower, inode.upper())) return number;
  return lower;
}

// Its directories list it by the number that it has now (D10).
void ListNumber(Parts& parts, const Inode& inode) {
  for (const InodeName& name : inode.Names()) {
    name.parent->ChangeListing([&](MergedDir& listing) { listing.SetIno(name.name, inode.st_ino()); });
    if (parts.invalidator) parts.invalidator->InvalidateData(name.parent->id());
  }
}

// The allocator keeps what was freed; a client that has walked a large tree may never walk it again.  Pages
// are given back on a thread of their own, since that may take long.
void GiveBack(Parts& parts) {
  parts.tree.dentries.Shrink();
  parts.tree.inodes.Shrink();
  pthread_t thread;
  auto trim = [](void*) -> void* {
    (void)::malloc_trim(0);
    return nullptr;
  };
  if (::pthread_create(&thread, nullptr, trim, nullptr) == 0) (void)::pthread_detach(thread);
}

// The inode, if its number goes once the client has forgotten it; null.
InodeRef MayLoseNumber(Parts& parts, NodeId node) {
  if (!NumbersMayGo(parts) && !parts.coherence) return InodeRef();
  InodeRef inode = parts.tree.inodes.Find(node);
  return inode && NumberMayGoToo(parts, *inode) ? inode : InodeRef();
}

}  // namespace

void Forget(Parts& parts, NodeId node, uint64_t count) {
  if (const InodeRef inode = MayLoseNumber(parts, node)) {
    // Whoever is reading a directory's listing may have taken the old one just before.
    if (parts.tree.inodes.Forget(node, count, NumberInLayers(parts, *inode))) ListNumber(parts, *inode);
  } else {
    parts.tree.inodes.Forget(node, count);
  }
  if (parts.tree.ebb.IsDue(parts.tree.inodes.size())) GiveBack(parts);
}

}  // namespace plyfs::ops
