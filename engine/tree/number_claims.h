// NumberClaims: who has which number of a lower object (L14).
//
// What was copied up keeps the number of what it was copied from, and a directory in upper has that of what
// it covers. A copy of such an object that a hand has made in upper claims the same number: the first that is
// known has it, the other keeps its own.
//
// Owned by Tree; any thread.  What is known here of objects that nobody holds any more is let go of from time
// to time.
#ifndef PLYFS_ENGINE_TREE_NUMBER_CLAIMS_H_
#define PLYFS_ENGINE_TREE_NUMBER_CLAIMS_H_

#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "engine/base/mutex.h"
#include "engine/format/anchor.h"
#include "engine/tree/inode_table.h"

namespace plyfs {

class NumberClaims {
 public:
  explicit NumberClaims(InodeTable& inodes) : inodes_(inodes) {}
  NumberClaims(const NumberClaims&) = delete;

  // `object` is in upper and asks for the number.  False: another one has it whose inode is still there, or
  // that is pinned.
  bool Claim(uint64_t number, const ObjectId& object);
  // It was listed with it, beside another that was not: it has it from now on, known or not (D10).
  void Pin(uint64_t number, const ObjectId& object);
  // It has it, whoever else had: an inode's number does not change when it is copied up (S5).
  void Take(uint64_t number, const ObjectId& object);

  size_t size() const;

 private:
  static constexpr size_t kFew = 1024;
  void SweepIfDue();

  InodeTable& inodes_;
  mutable Mutex mu_{LockRank::kNumberClaims};
  absl::flat_hash_map<uint64_t, ObjectId> owners_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<uint64_t, ObjectId> pinned_ ABSL_GUARDED_BY(mu_);  // few: copies made by hand
  size_t sweep_at_ ABSL_GUARDED_BY(mu_) = kFew;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_TREE_NUMBER_CLAIMS_H_
