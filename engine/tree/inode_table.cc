#include "engine/tree/inode_table.h"

#include <sanitizer/asan_interface.h>

#include <algorithm>
#include <cstdlib>

#include "absl/hash/hash.h"

namespace plyfs {

InodeTable::InodeTable(DentryCache& dentries)
    : dentries_(dentries),
      chunks_(static_cast<std::atomic<Chunk*>*>(std::calloc(kMaxChunks, sizeof(std::atomic<Chunk*>)))) {
  if (!chunks_) std::abort();
  for (IdentityShard& shard : identities_) {
    MutexLock lock(shard.mu);
    shard.known = Known(0, ByIdentity{this}, ByIdentity{this});
  }
}

InodeTable::~InodeTable() {
  // What the client still holds at unmount.
  for (const InodeRef& inode : All()) {
    if (uint64_t held = inode->lookups()) Forget(inode->id(), held);
  }
  for (size_t i = 0; i < uses_.size(); ++i) delete chunks_[i].load(std::memory_order_relaxed);
}

InodeTable& InodeTable::TableOf(const Inode& inode) {
  // It begins where its slot does, and the first slot where the chunk does.
  const auto* slot = reinterpret_cast<const Slot*>(&inode);
  return reinterpret_cast<const Chunk*>(slot - SlotOf(inode.id_) % kChunkSlots)->table;
}

NodeId InodeTable::TakeSlot() {
  MutexLock lock(free_mu_);
  if (free_ == 0 && !vacant_.empty()) RestoreChunk();
  uint32_t slot = free_;
  if (slot == 0) {
    slot = next_slot_++;
    if (slot / kChunkSlots >= kMaxChunks) std::abort();
    if (slot / kChunkSlots == uses_.size()) {
      uses_.emplace_back();
      chunks_[slot / kChunkSlots].store(new Chunk(*this), std::memory_order_release);
    }
  }
  ++uses_[slot / kChunkSlots].taken;
  const Slot::Free free = SlotAt(slot).free;
  if (slot == free_) free_ = free.next;
  return (NodeId{free.generation} << 32) | slot;
}

void InodeTable::FreeSlot(NodeId id) {
  const uint32_t slot = SlotOf(id);
  MutexLock lock(free_mu_);
  Slot& gone = SlotAt(slot);
  new (&gone.free) Slot::Free{static_cast<uint32_t>(id >> 32) + 1, free_};
  // No effect but in a build with AddressSanitizer, which would not know that the inode is gone.
  ASAN_POISON_MEMORY_REGION(&gone.free + 1, sizeof(Slot) - sizeof(Slot::Free));
  free_ = slot;
  --uses_[slot / kChunkSlots].taken;
}

void InodeTable::RestoreChunk() {
  const uint32_t number = vacant_.back();
  vacant_.pop_back();
  uses_[number].vacant = false;
  auto chunk = std::make_unique<Chunk>(*this);
  for (uint32_t i = kChunkSlots; i-- > 0;) {
    chunk->slots[i].free = {uses_[number].first_generation, free_};
    free_ = number * kChunkSlots + i;
  }
  chunks_[number].store(chunk.release(), std::memory_order_release);
}

// Those whose slots were all handed out once and are all free.  (The first has the root.)
std::vector<std::unique_ptr<InodeTable::Chunk>> InodeTable::TakeVacantChunks() {
  std::vector<std::unique_ptr<Chunk>> taken;
  MutexLock lock(free_mu_);
  for (uint32_t number = 1; number < next_slot_ / kChunkSlots; ++number) {
    ChunkUse& use = uses_[number];
    Chunk* chunk = chunks_[number].load(std::memory_order_relaxed);
    if (!chunk || use.taken != 0) continue;
    for (const Slot& slot : chunk->slots) {
      use.first_generation = std::max(use.first_generation, slot.free.generation);
    }
    use.vacant = true;
    vacant_.push_back(number);
    taken.emplace_back(chunk);
  }
  if (taken.empty()) return taken;
  uint32_t kept = 0;
  for (uint32_t slot = free_; slot != 0;) {
    Slot::Free& free = SlotAt(slot).free;
    const uint32_t next = free.next;
    if (!uses_[slot / kChunkSlots].vacant) {
      free.next = kept;
      kept = slot;
    }
    slot = next;
  }
  free_ = kept;
  for (size_t i = vacant_.size() - taken.size(); i < vacant_.size(); ++i) {
    chunks_[vacant_[i]].store(nullptr, std::memory_order_release);
  }
  return taken;
}

InodeTable::IdentityShard& InodeTable::ShardOf(const ObjectId& object) {
  // The set goes by the lower bits.
  return identities_[(absl::HashOf(object) >> 32) % kShards];
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
  if (index == 0 || index >= kMaxSlots) return InodeRef();
  MutexLock lock(SlotMutex(index));
  Inode* inode = FindSlot(index);
  return inode && inode->id_ == id ? TryRef(inode) : InodeRef();
}

InodeRef InodeTable::InSlot(uint32_t index) {
  MutexLock lock(SlotMutex(index));
  Inode* inode = FindSlot(index);
  return inode ? TryRef(inode) : InodeRef();
}

InodeRef InodeTable::Make(InodeInit init) {
  const NodeId id = TakeSlot();
  const uint32_t index = SlotOf(id);
  MutexLock lock(SlotMutex(index));
  Chunk& chunk = *ChunkOf(index);
  Slot& slot = chunk.slots[index % kChunkSlots];
  ASAN_UNPOISON_MEMORY_REGION(&slot, sizeof slot);
  auto* inode = new (&slot.inode) Inode(*this, id, std::move(init));
  chunk.LiveWord(index).fetch_or(LiveBit(index), std::memory_order_relaxed);
  live_.fetch_add(1, std::memory_order_relaxed);
  return InodeRef(inode);
}

InodeRef InodeTable::Insert(InodeInit init) {
  return Make(std::move(init));
}

InodeRef InodeTable::Intern(const ObjectId& object, InodeInit init) {
  if (!object.known()) return Make(std::move(init));
  IdentityShard& shard = ShardOf(object);
  MutexLock lock(shard.mu);
  if (auto it = shard.known.find(object); it != shard.known.end()) {
    Inode& known = SlotAt(*it).inode;
    if (known.type() == init.type) {
      if (InodeRef found = TryRef(&known)) return found;
    }
    shard.known.erase(it);
    known.SetIdentity(ObjectId());
  }
  InodeRef made = Make(std::move(init));
  made->SetIdentity(object);
  shard.known.insert(SlotOf(made->id_));
  return made;
}

InodeRef InodeTable::FindObject(const ObjectId& object) {
  IdentityShard& shard = ShardOf(object);
  MutexLock lock(shard.mu);
  auto it = shard.known.find(object);
  return it == shard.known.end() ? InodeRef() : TryRef(&SlotAt(*it).inode);
}

void InodeTable::Disown(Inode& inode) {
  for (;;) {
    const ObjectId object = inode.LockedIdentity();
    if (!object.known()) return;
    IdentityShard& shard = ShardOf(object);
    MutexLock lock(shard.mu);
    if (!(inode.LockedIdentity() == object)) continue;  // it was given another one meanwhile
    shard.known.erase(SlotOf(inode.id_));
    inode.SetIdentity(ObjectId());
    return;
  }
}

void InodeTable::Rekey(Inode& inode, const ObjectId& object) {
  for (;;) {
    Disown(inode);
    if (!object.known()) return;
    IdentityShard& shard = ShardOf(object);
    MutexLock lock(shard.mu);
    if (auto it = shard.known.find(object); it != shard.known.end()) {
      Inode& other = SlotAt(*it).inode;
      shard.known.erase(it);
      other.SetIdentity(ObjectId());
    }
    if (!inode.TakeIdentity(object)) continue;  // it was given one at the same time
    shard.known.insert(SlotOf(inode.id_));
    return;
  }
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
  Visit([&](InodeRef& inode) { all.push_back(std::move(inode)); });
  return all;
}

void InodeTable::AddLookup(Inode& inode) {
  MutexLock lock(SlotMutex(SlotOf(inode.id_)));
  const uint32_t held = inode.lookups_.load(std::memory_order_relaxed);
  if (held == Inode::kManyLookups) return;
  inode.lookups_.store(held + 1, std::memory_order_relaxed);
  if (held == 0) inode.refs_.fetch_add(1, std::memory_order_relaxed);
}

bool InodeTable::Forget(NodeId id, uint64_t count, std::optional<uint64_t> number) {
  InodeRef inode = Find(id);
  if (!inode) return false;
  InodeRef last;
  MutexLock lock(SlotMutex(SlotOf(id)));
  const uint64_t held = inode->lookups();
  const uint64_t left = held > count ? held - count : 0;
  inode->lookups_.store(static_cast<uint32_t>(std::min<uint64_t>(left, Inode::kManyLookups)),
                        std::memory_order_relaxed);
  if (held == 0 || left != 0) return false;
  last = InodeRef(inode.get());  // adopts the lookups' reference
  if (!number || *number == inode->st_ino()) return false;
  inode->SetIno(*number);
  return true;
}

bool InodeTable::Renumber(Inode& inode, uint64_t number) {
  MutexLock lock(SlotMutex(SlotOf(inode.id_)));
  if (inode.lookups() != 0 || number == inode.st_ino()) return false;
  inode.SetIno(number);
  return true;
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
    next->table().RetireOne(next);
  }
  pending = nullptr;
}

void InodeTable::RetireOne(Inode* inode) {
  for (const InodeName& n : inode->Names()) dentries_.Forget(n.parent->id(), n.name, inode->id_);
  Disown(*inode);
  const NodeId id = inode->id_;
  {
    MutexLock lock(SlotMutex(SlotOf(id)));
    ChunkOf(SlotOf(id))->LiveWord(SlotOf(id)).fetch_and(~LiveBit(SlotOf(id)), std::memory_order_relaxed);
  }
  const bool was_dir = inode->is_dir();
  inode->~Inode();
  live_.fetch_sub(1, std::memory_order_relaxed);
  FreeSlot(id);
  if (was_dir && dentries_.SweepIsDue()) dentries_.Sweep([this](NodeId id) { return !IsLive(id); });
}

// REQUIRES: the number was given to an inode once.
bool InodeTable::IsLive(NodeId id) {
  MutexLock lock(SlotMutex(SlotOf(id)));
  const Inode* inode = FindSlot(SlotOf(id));
  return inode && inode->id_ == id;
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
    if (InodeRef inode = InSlot(slot)) inode->EvictAttr();
  }
}

size_t InodeTable::bytes() {
  size_t bytes = 0;
  for (IdentityShard& shard : identities_) {
    MutexLock lock(shard.mu);
    bytes += shard.known.capacity() * (sizeof(uint32_t) + 1);
  }
  MutexLock lock(free_mu_);
  return bytes + (uses_.size() - vacant_.size()) * sizeof(Chunk);
}

void InodeTable::Shrink() {
  for (IdentityShard& shard : identities_) {
    MutexLock lock(shard.mu);
    shard.known.rehash(0);
  }
  const auto gone = TakeVacantChunks();
  if (gone.empty()) return;
  // Who has found one of them does so under a slot's mutex: once each was free, nobody has it any more.
  for (SlotShard& shard : slot_shards_) MutexLock lock(shard.mu);
}

}  // namespace plyfs
