#include "engine/tree/inode_table.h"

#include <algorithm>
#include <cstdlib>

#include "absl/hash/hash.h"

namespace plyfs {

InodeTable::InodeTable(DentryCache& dentries)
    : dentries_(dentries), chunks_(new std::atomic<Chunk*>[kMaxChunks] {}) {}

InodeTable::~InodeTable() {
  // What the client still holds at unmount.
  for (const InodeRef& inode : All()) {
    if (uint64_t held = inode->lookups()) Forget(inode->id(), held);
  }
  for (size_t i = 0; i < kMaxChunks; ++i) delete chunks_[i].load(std::memory_order_relaxed);
}

uint32_t InodeTable::TakeSlot() {
  MutexLock lock(free_mu_);
  if (!free_.empty()) {
    uint32_t slot = free_.back();
    free_.pop_back();
    return slot;
  }
  uint32_t slot = next_slot_++;
  if (slot / kChunkSlots >= kMaxChunks) std::abort();
  std::atomic<Chunk*>& chunk = chunks_[slot / kChunkSlots];
  if (!chunk.load(std::memory_order_relaxed)) chunk.store(new Chunk, std::memory_order_release);
  return slot;
}

InodeTable::IdentityShard& InodeTable::ShardOf(const ObjectId& object) {
  return identities_[absl::HashOf(object) % kShards];
}

InodeRef InodeTable::TryRef(Inode* inode) {
  uint32_t refs = inode->refs_.load(std::memory_order_relaxed);
  while (refs != 0) {
    if (inode->refs_.compare_exchange_weak(refs, refs + 1, std::memory_order_acq_rel)) return InodeRef(inode);
  }
  return InodeRef();
}

InodeRef InodeTable::Find(NodeId id) {
  uint32_t index = SlotOf(id);
  if (index == 0 || index / kChunkSlots >= kMaxChunks) return InodeRef();
  if (!chunks_[index / kChunkSlots].load(std::memory_order_acquire)) return InodeRef();
  MutexLock lock(SlotMutex(index));
  const Slot& slot = SlotAt(index);
  if (!slot.inode || slot.inode->id_ != id) return InodeRef();
  return TryRef(slot.inode);
}

InodeRef InodeTable::Make(InodeInit init) {
  uint32_t index = TakeSlot();
  MutexLock lock(SlotMutex(index));
  Slot& slot = SlotAt(index);
  NodeId id = (static_cast<NodeId>(slot.generation) << 32) | index;
  slot.inode = new Inode(*this, id, std::move(init));
  live_.fetch_add(1, std::memory_order_relaxed);
  return InodeRef(slot.inode);
}

InodeRef InodeTable::Insert(InodeInit init) {
  return Make(std::move(init));
}

InodeRef InodeTable::Intern(const ObjectId& object, InodeInit init) {
  IdentityShard& shard = ShardOf(object);
  MutexLock lock(shard.mu);
  auto [it, fresh] = shard.map.try_emplace(object, nullptr);
  if (!fresh && it->second->type_ == init.type) {
    if (InodeRef found = TryRef(it->second)) return found;
  }
  if (!fresh) it->second->LoseIdentity(object);
  InodeRef made = Make(std::move(init));
  made->SetIdentity(object);
  it->second = made.get();
  return made;
}

InodeRef InodeTable::FindObject(const ObjectId& object) {
  IdentityShard& shard = ShardOf(object);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(object);
  return it == shard.map.end() ? InodeRef() : TryRef(it->second);
}

void InodeTable::Disown(Inode& inode) {
  Unmap(inode.SetIdentity(ObjectId()), inode);
}

void InodeTable::Unmap(const ObjectId& object, const Inode& inode) {
  if (!object.known()) return;
  IdentityShard& shard = ShardOf(object);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(object);
  if (it != shard.map.end() && it->second == &inode) shard.map.erase(it);
}

void InodeTable::Rekey(Inode& inode, const ObjectId& object) {
  ObjectId before;
  {
    IdentityShard& shard = ShardOf(object);
    MutexLock lock(shard.mu);
    Inode*& known = shard.map[object];
    if (known) known->LoseIdentity(object);
    known = &inode;
    // Whoever gives it another one at the same time takes this one off the map.
    before = inode.SetIdentity(object);
  }
  if (!(before == object)) Unmap(before, inode);
}

void InodeTable::NameDirectory(Inode& dir, InodeRef parent, std::string_view name) {
  if (parent.get() == &dir) return;  // a filesystem that says so lies
  // References, which are dropped after the lock.
  std::vector<InodeRef> above{parent};
  std::vector<InodeName> before;
  std::optional<InodeName> moved_out;
  {
    MutexLock lock(places_mu_);
    // Children would refer to it.
    const bool may_have_children = dir.refs_.load(std::memory_order_relaxed) > 1;
    if (may_have_children && !dir.HasName(*parent, name)) {
      while (InodeRef next = above.back()->Parent()) {
        if (next.get() == &dir) {
          moved_out = above.back()->TakeOnlyName();
          break;
        }
        above.push_back(std::move(next));
      }
    }
    before = dir.SetOnlyName(std::move(parent), name);
  }
  if (moved_out) dentries_.Forget(dir.id(), moved_out->name, above.back()->id());
}

std::vector<std::pair<NodeId, std::string>> InodeTable::NamesTold(NodeId id) {
  std::vector<std::pair<NodeId, std::string>> names;
  InodeRef inode = Find(id);
  if (!inode || inode->lookups() == 0) return names;
  for (InodeName& name : inode->Names()) names.emplace_back(name.parent->id(), std::move(name.name));
  return names;
}

std::vector<InodeRef> InodeTable::All() {
  std::vector<InodeRef> all;
  all.reserve(size());
  for (size_t c = 0; c < kMaxChunks; ++c) {
    Chunk* chunk = chunks_[c].load(std::memory_order_acquire);
    if (!chunk) break;
    for (uint32_t i = 0; i < kChunkSlots; ++i) {
      MutexLock lock(SlotMutex(static_cast<uint32_t>(c * kChunkSlots + i)));
      Inode* inode = (*chunk)[i].inode;
      if (!inode) continue;
      if (InodeRef ref = TryRef(inode)) all.push_back(std::move(ref));
    }
  }
  return all;
}

void InodeTable::AddLookup(Inode& inode) {
  MutexLock lock(SlotMutex(SlotOf(inode.id_)));
  if (inode.lookups_.fetch_add(1, std::memory_order_relaxed) == 0) {
    inode.refs_.fetch_add(1, std::memory_order_relaxed);
  }
}

void InodeTable::Forget(NodeId id, uint64_t count) {
  InodeRef inode = Find(id);
  if (!inode) return;
  InodeRef last;
  MutexLock lock(SlotMutex(SlotOf(id)));
  uint64_t held = inode->lookups_.load(std::memory_order_relaxed);
  uint64_t left = held > count ? held - count : 0;
  inode->lookups_.store(left, std::memory_order_relaxed);
  if (held != 0 && left == 0) last = InodeRef(inode.get());  // adopts the lookups' reference
}

void InodeTable::Retire(Inode* inode) {
  thread_local std::vector<Inode*>* pending = nullptr;
  if (pending) {
    pending->push_back(inode);
    return;
  }
  std::vector<Inode*> queue{inode};
  pending = &queue;
  while (!queue.empty()) {
    Inode* next = queue.back();
    queue.pop_back();
    next->table_.RetireOne(next);
  }
  pending = nullptr;
}

void InodeTable::RetireOne(Inode* inode) {
  for (const InodeName& n : inode->Names()) dentries_.Forget(n.parent->id(), n.name, inode->id_);
  Disown(*inode);
  uint32_t index = SlotOf(inode->id_);
  {
    MutexLock lock(SlotMutex(index));
    Slot& slot = SlotAt(index);
    slot.inode = nullptr;
    ++slot.generation;
  }
  const bool was_dir = inode->is_dir();
  delete inode;
  live_.fetch_sub(1, std::memory_order_relaxed);
  {
    MutexLock lock(free_mu_);
    free_.push_back(index);
  }
  if (was_dir && dentries_.SweepIsDue()) dentries_.Sweep([this](NodeId id) { return !IsLive(id); });
}

// REQUIRES: the number was given to an inode once.
bool InodeTable::IsLive(NodeId id) {
  MutexLock lock(SlotMutex(SlotOf(id)));
  const Slot& slot = SlotAt(SlotOf(id));
  return slot.inode && slot.inode->id_ == id;
}

void InodeTable::EvictAttrs(size_t most) {
  constexpr uint32_t kAtATime = 16;
  if (attrs() <= most) return;
  uint32_t slot, end;
  {
    MutexLock lock(free_mu_);
    slot = hand_ < next_slot_ ? hand_ : 1;
    hand_ = end = std::min(slot + kAtATime, next_slot_);
  }
  for (; slot < end; ++slot) {
    InodeRef inode;
    {
      MutexLock lock(SlotMutex(slot));
      if (Inode* there = SlotAt(slot).inode) inode = TryRef(there);
    }
    if (inode) inode->EvictAttr();
  }
}

void InodeTable::Shrink() {
  for (IdentityShard& shard : identities_) {
    MutexLock lock(shard.mu);
    shard.map.rehash(0);
  }
}

}  // namespace plyfs
