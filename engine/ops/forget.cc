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

uint64_t NumberInLayers(const Parts& parts, const Inode& inode) {
  if (inode.is_dir()) {
    const DirLowers lowers = inode.lowers();
    if (!lowers.empty()) return MapIno(parts, lowers.top);
  }
  return MapIno(parts, inode.upper());
}

// Its directories list it by that number from now on (D10).
void ListNumberInLayers(Parts& parts, const Inode& inode) {
  const uint64_t number = NumberInLayers(parts, inode);
  if (number == inode.st_ino()) return;
  for (const InodeName& name : inode.Names()) {
    name.parent->ChangeListing([&](MergedDir& listing) { listing.SetIno(name.name, number); });
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

// The inode that the client is about to forget, if its number goes with it; null.
InodeRef LosesNumber(Parts& parts, NodeId node, uint64_t count) {
  if (!NumbersMayGo(parts) && !parts.coherence) return InodeRef();
  InodeRef inode = parts.tree.inodes.Find(node);
  return inode && inode->lookups() <= count && NumberMayGoToo(parts, *inode) ? inode : InodeRef();
}

}  // namespace

void Forget(Parts& parts, NodeId node, uint64_t count) {
  {
    const InodeRef loses = LosesNumber(parts, node, count);
    if (loses) ListNumberInLayers(parts, *loses);
    parts.tree.inodes.Forget(node, count);
    // Whoever has found it by its name meanwhile has listed it by the other one again.
    if (loses && loses->lookups() == 0) ListNumberInLayers(parts, *loses);
  }
  if (parts.tree.ebb.IsDue(parts.tree.inodes.size())) GiveBack(parts);
}

}  // namespace plyfs::ops
