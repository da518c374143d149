// The half of coherence.h that forgets many names at once.
#include <algorithm>
#include <iterator>

#include "absl/container/flat_hash_map.h"
#include "engine/base/clock.h"
#include "engine/ops/coherence.h"
#include "engine/ops/parts.h"

namespace plyfs {

void Coherence::ForgetObject(const InodeRef& inode) {
  inode->DropAttr();
  inode->SetProtection(Inode::kUnknownProtection);
  if (inode->is_dir()) {
    inode->DropListing();
    inode->NoteChangedByHand(MonotonicSeconds());
  } else {
    inode->SetDataStamp(0);
  }
}

void Coherence::LayersChanged(const InodeRef& dir) {
  dir->ResetWatch();
  ForgetBeneath(dir);
}

void Coherence::ForgetAll() {
  if (InodeRef root = parts_.tree.inodes.Find(kRootNode)) LayersChanged(root);
}

namespace {

// `top` and every inode that has a name beneath it; for the root, every inode.
std::vector<InodeRef> Beneath(Tree& tree, const InodeRef& top) {
  std::vector<InodeRef> all = tree.inodes.All();
  if (top->id() == kRootNode) return all;
  absl::flat_hash_map<NodeId, bool> known{{top->id(), true}, {kRootNode, false}};
  auto beneath = [&](const InodeRef& inode) {
    std::vector<NodeId> path;
    InodeRef at = inode;
    bool found = false;
    while (true) {
      if (auto it = known.find(at->id()); it != known.end()) {
        found = it->second;
        break;
      }
      path.push_back(at->id());
      std::optional<InodeName> name = at->AnyName();
      if (!name) break;
      at = name->parent;
    }
    for (NodeId id : path) known.emplace(id, found);
    return found;
  };
  std::vector<InodeRef> chosen;
  for (const InodeRef& inode : all) {
    if (inode->is_dir()) {
      if (beneath(inode)) chosen.push_back(inode);
      continue;
    }
    std::vector<InodeName> names = inode->Names();
    if (std::any_of(names.begin(), names.end(), [&](const InodeName& n) { return beneath(n.parent); })) {
      chosen.push_back(inode);
    }
  }
  return chosen;
}

}  // namespace

// Those that began before the copies became others publish what they knew then.
std::vector<Coherence::Doubt> Coherence::ChangesUnderWay(const absl::flat_hash_set<NodeId>& dirs) const {
  std::vector<Doubt> doubts;
  for (NodeId id : dirs) {
    if (parts_.dir_changes.Held(id)) doubts.push_back(Doubt{id, "", 0, 0});
  }
  return doubts;
}

void Coherence::AfterChange(const InodeRef& dir) {
  (void)parts_.dir_changes.Acquire(dir->id());
  ForgetBeneath(dir, Settled::kYes);
}

void Coherence::ForgetBeneath(const InodeRef& top, Settled changes_of_top) {
  absl::flat_hash_set<NodeId> dirs;
  // First the watch words, so that nothing read before is kept, then what is kept already.  Until there are
  // no more: what was found in a directory before its own turn came has to have one as well.
  std::vector<InodeRef> beneath;
  for (bool more = true; more;) {
    more = false;
    beneath = Beneath(parts_.tree, top);
    for (const InodeRef& inode : beneath) {
      if (!inode->is_dir() || !dirs.insert(inode->id()).second) continue;
      inode->ResetWatch();
      parts_.dir_fds.Erase(inode->id());
      parts_.held.Drop(inode->id());
      more = true;
    }
  }
  // Before the names go: what is published between is forgotten with them.
  if (changes_of_top == Settled::kYes) dirs.erase(top->id());
  Later(ChangesUnderWay(dirs));
  dirs.insert(top->id());
  for (const InodeRef& inode : beneath) ObjectChanged(inode, /*data=*/true);
  auto of_these = [&](NodeId id) { return dirs.contains(id); };
  for (const auto& [parent, name] : parts_.tree.dentries.DoubtAll(of_these)) {
    if (parts_.invalidator) parts_.invalidator->InvalidateEntry(parent, name);
  }
  if (top->unlinked()) return;
  // Directories, and files that are held open, may be used without being looked up again.
  std::erase_if(beneath, [](const InodeRef& inode) { return !inode->is_dir() && inode->opens() == 0; });
  DoubtLater(beneath);
}

void Coherence::DoubtLater(const std::vector<InodeRef>& objects) {
  std::vector<std::pair<size_t, Doubt>> doubts;
  for (const InodeRef& inode : objects) {
    size_t depth = 0;
    for (std::optional<InodeName> n = inode->AnyName(); n; n = n->parent->AnyName()) ++depth;
    for (InodeName& name : inode->Names()) {
      doubts.emplace_back(depth,
                          Doubt{name.parent->id(), std::move(name.name), kChangedAttributes, inode->id()});
    }
  }
  std::sort(doubts.begin(), doubts.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Doubt> sorted;
  for (auto& [depth, doubt] : doubts) sorted.push_back(std::move(doubt));
  Later(std::move(sorted));
}

void Coherence::DoubtName(const Inode& dir, Name name, NodeId node) {
  Later({Doubt{dir.id(), name.str(), 0, node}});
}

void Coherence::Later(std::vector<Doubt> doubts) {
  if (doubts.empty()) return;
  {
    MutexLock lock(mu_);
    std::move(doubts.begin(), doubts.end(), std::back_inserter(later_));
  }
  watcher_.Wake();
}

void DoubtNames(Parts& parts, const InodeRef& inode) {
  inode->DropAttr();
  for (const InodeName& name : inode->Names()) {
    parts.tree.dentries.DoubtIf(name.parent->id(), name.name, inode->id());
  }
  if (parts.coherence) parts.coherence->DoubtLater({inode});
}

}  // namespace plyfs
