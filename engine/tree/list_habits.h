// ListHabits: who goes on to look at what it has listed.
//
// READDIRPLUS can give the attributes of each entry, which spares who wants them a LOOKUP a name; who only
// wants names (ls, a shell's *, find by name) would pay for making an inode of each.  The protocol does not
// say which it is, so each thread of a client shows it: once it has asked for something but a directory in
// what it has just listed, its further listings come with attributes.
//
// Owned by Tree; any thread, no locks.  Only a guess hangs on it: slots are shared by threads of equal hash,
// and the last one wins.
#ifndef PLYFS_ENGINE_TREE_LIST_HABITS_H_
#define PLYFS_ENGINE_TREE_LIST_HABITS_H_

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "engine/base/ids.h"

namespace plyfs {

class ListHabits {
 public:
  // Whether its listings are to come with attributes.  True for one that cannot be told from others (pid 0).
  bool Looks(pid_t thread) const {
    if (thread == 0) return true;
    const uint64_t word = SlotOf(thread).load(std::memory_order_relaxed);
    return ThreadIn(word) == thread && (word & kLooks) != 0;
  }
  // It has been given names only.
  void NoteListed(pid_t thread, NodeId dir) {
    if (thread != 0) SlotOf(thread).store(WordOf(thread, dir), std::memory_order_relaxed);
  }
  // It has asked for a name of the directory that is none of a directory (which a walk asks for anyway).
  void NoteLookup(pid_t thread, NodeId dir) {
    std::atomic<uint64_t>& slot = SlotOf(thread);
    const uint64_t listed = WordOf(thread, dir);
    if (slot.load(std::memory_order_relaxed) == listed)
      slot.store(listed | kLooks, std::memory_order_relaxed);
  }

 private:
  static constexpr size_t kSlots = 512;
  static constexpr uint64_t kLooks = 1;

  // The thread, 31 bits of the directory, kLooks.
  static uint64_t WordOf(pid_t thread, NodeId dir) {
    return uint64_t{static_cast<uint32_t>(thread)} << 32 | (dir << 1 & 0xffffffff);
  }
  static pid_t ThreadIn(uint64_t word) { return static_cast<pid_t>(word >> 32); }
  std::atomic<uint64_t>& SlotOf(pid_t thread) { return slots_[static_cast<uint32_t>(thread) % kSlots]; }
  const std::atomic<uint64_t>& SlotOf(pid_t thread) const {
    return slots_[static_cast<uint32_t>(thread) % kSlots];
  }

  std::array<std::atomic<uint64_t>, kSlots> slots_{};
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_TREE_LIST_HABITS_H_
