// The part of coherence.h for what redirects lead to: it depends on directories of the layers that are no
// copies of its parent, and that nobody may ever look at.
#include <fcntl.h>

#include <algorithm>

#include "engine/ops/coherence.h"
#include "engine/ops/parts.h"

namespace plyfs {
namespace {

bool SameMembers(const std::vector<LowerMember>& a, const std::vector<LowerMember>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const LowerMember& x, const LowerMember& y) {
    return x.layer == y.layer && x.path == y.path;
  });
}

}  // namespace

void Coherence::FoundBeside(const InodeRef& inode, const Probed& found, uint64_t rounds) {
  bool to_watch = false;
  std::vector<NodeId> to_check;
  {
    MutexLock lock(mu_);
    if (!found.redirected) {
      if (!redirected_.empty()) redirected_.erase(inode->id());
      return;
    }
    auto [it, fresh] = redirected_.try_emplace(inode->id());
    if (!fresh && SameMembers(it->second, found.beside)) return;
    it->second = found.beside;
    to_watch = !found.beside.empty();
    if (redirected_.size() > check_at_) {
      for (const auto& [node, beside] : redirected_) to_check.push_back(node);
      check_at_ = 2 * redirected_.size();
    }
  }
  DropForgotten(to_check);
  for (const LowerMember& member : found.beside) {
    Result<UniqueFd> fd = parts_.stack->lower(member.layer).OpenAt(member.path, O_PATH | O_DIRECTORY);
    if (fd.ok()) (void)watcher_.Watch(inode->id(), fd->get(), Watcher::Changes::kOthers);
  }
  // The layers were asked before these directories were watched, or before this was known of the inode.
  if (to_watch || rounds_.load(std::memory_order_acquire) != rounds) DoubtLater({inode});
}

// No change may ever come that would show which of them the client has forgotten.
void Coherence::DropForgotten(const std::vector<NodeId>& nodes) {
  for (NodeId node : nodes) {
    if (parts_.tree.inodes.Find(node)) continue;
    MutexLock lock(mu_);
    redirected_.erase(node);
  }
  if (nodes.empty()) return;
  MutexLock lock(mu_);
  check_at_ = std::max(kFewRedirected, 2 * redirected_.size());
}

// A change beside an object is told as one of the object itself, of its parent or of the root, where every
// way begins.
void Coherence::DoubtRedirected(const std::vector<Watcher::Event>& events) {
  std::vector<NodeId> redirected;
  {
    MutexLock lock(mu_);
    for (const auto& [node, beside] : redirected_) redirected.push_back(node);
  }
  if (redirected.empty()) return;
  absl::flat_hash_set<NodeId> changed;
  for (const Watcher::Event& event : events) {
    if (event.what & ~kChangedContent) changed.insert(event.node);
  }
  std::vector<InodeRef> doubted;
  for (NodeId node : redirected) {
    InodeRef inode = parts_.tree.inodes.Find(node);
    std::optional<InodeName> name = inode ? inode->AnyName() : std::nullopt;
    if (!name) {
      MutexLock lock(mu_);
      redirected_.erase(node);
      continue;
    }
    if (changed.contains(node) || changed.contains(name->parent->id()) || changed.contains(kRootNode)) {
      doubted.push_back(std::move(inode));
    }
  }
  DoubtLater(doubted);
}

}  // namespace plyfs
