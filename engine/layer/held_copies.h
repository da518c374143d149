// HeldCopies: the copies of directories that a lookup has opened, kept for whoever reads the directory next.
//
// A lookup opens each copy of a directory to see what it is, and mostly the directory's names are asked for
// right after: what is open already need not be found and opened again in each of hundreds of layers.  A
// loan, never a fact: what is not here is opened by its path.
//
// Owned by Parts; internally synchronised, any thread.  There are never more descriptors than `capacity`,
// those of lookups under way among them; the oldest go first, and all that nobody reads where the process has
// no descriptor left.
#ifndef PLYFS_ENGINE_LAYER_HELD_COPIES_H_
#define PLYFS_ENGINE_LAYER_HELD_COPIES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/base/ids.h"
#include "engine/base/mutex.h"
#include "engine/io/spare_descriptors.h"
#include "engine/io/unique_fd.h"

namespace plyfs {

class HeldCopies {
 public:
  // Room for so many descriptors, and those opened so far: of one directory, in the order of its lower
  // members, topmost first; one that is not valid was not opened for reading.  Moves; gives the room back at
  // its end.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept { *this = std::move(other); }
    Lease& operator=(Lease&& other) noexcept;
    ~Lease() { Reset(); }

    bool reserved() const { return home_ != nullptr; }
    // How many more may be opened.
    size_t room() const { return room_ - opened_; }
    void Add(UniqueFd copy);
    bool empty() const { return opened_ == 0; }
    size_t size() const { return copies_.size(); }
    // To be taken out by who reads it; the room is this lease's to its end.
    UniqueFd Take(size_t i) { return std::move(copies_[i]); }
    // All of them are these now, as far as there is room.
    void Refill(std::vector<UniqueFd> copies);
    int fd(size_t i) const { return copies_[i].get(); }

   private:
    friend class HeldCopies;
    void Reset();

    HeldCopies* home_ = nullptr;
    size_t room_ = 0;
    size_t opened_ = 0;
    std::vector<UniqueFd> copies_;
  };

  explicit HeldCopies(size_t capacity) : capacity_(capacity) {}
  // Before it is used.
  void SetCapacity(size_t capacity) { capacity_ = capacity; }

  // Gives the lease, which has none, room for `wanted` descriptors, or for fewer where lookups under way have
  // the rest.
  void Reserve(size_t wanted, Lease* lease);
  // Those of the directory from now on.
  void Put(NodeId dir, Lease copies);
  // Empty: none are held.
  Lease Take(NodeId dir);
  bool Has(NodeId dir);
  // Its copies may be others by now.
  void Drop(NodeId dir) { (void)Take(dir); }
  void Clear();
  // How many directories it has a note of, those taken among them; for tests.
  size_t remembered();

 private:
  struct Entry {
    uint64_t serial;
    Lease copies;
  };
  void GiveBack(size_t room);
  void ForgetTaken() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  static constexpr size_t kFewGone = 64;
  size_t capacity_;  // constant once in use

  Mutex mu_{LockRank::kHeldCopies};
  size_t taken_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t serial_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<NodeId, Entry> held_ ABSL_GUARDED_BY(mu_);
  // In the order in which they were put; those taken since are passed over.
  std::deque<std::pair<NodeId, uint64_t>> order_ ABSL_GUARDED_BY(mu_);
  SpareDescriptors spare_{this, [](void* self) { static_cast<HeldCopies*>(self)->Clear(); }};
};

// The copies of a directory that was read, for whoever looks at what it has listed: a name is asked for
// through them by itself.  Constant once made; any thread.
struct ReadCopies {
  HeldCopies::Lease copies;
  std::vector<LayerId> layers;  // of each, ascending
  uint32_t word = 0;            // they are the directory's copies as long as its watch word is this

  // -1: none.
  int Of(LayerId layer) const;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_HELD_COPIES_H_
