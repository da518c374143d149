// Orphan: keeps the object of a nameless inode alive on disk while the client holds it (N19, N18).
//
// Hangs from its Inode (Inode::keeper) and goes with it.  An O_PATH descriptor mostly; over the descriptor
// budget a link `#hex` in W/work, which st_nlink does not count.  Constant; any thread.
#ifndef PLYFS_ENGINE_OPS_ORPHAN_H_
#define PLYFS_ENGINE_OPS_ORPHAN_H_

#include <atomic>
#include <memory>
#include <string>

#include "engine/base/result.h"
#include "engine/io/unique_fd.h"
#include "engine/layer/work_dir.h"
#include "engine/ops/parts.h"

namespace plyfs {

class Orphan {
 public:
  // Pins the object behind `fd` (O_PATH); counted in `pins` while it lasts.
  static std::shared_ptr<const Orphan> Pin(std::atomic<int>& pins, UniqueFd fd);
  // Links the object behind `fd` into W/work instead.
  static Result<std::shared_ptr<const Orphan>> Link(WorkDir& work, int fd);
  ~Orphan();
  Orphan(const Orphan&) = delete;
  Orphan& operator=(const Orphan&) = delete;

  Result<UniqueFd> Open(int flags) const;
  // Links in W/work that are ours and not the client's.
  uint32_t extra_links() const { return work_name_.empty() ? 0 : 1; }

 private:
  Orphan() = default;
  UniqueFd fd_;
  std::atomic<int>* pins_ = nullptr;
  WorkDir* work_ = nullptr;
  std::string work_name_;
};

// Whether nothing more is to be pinned that can be had otherwise or refused.
bool PinsAreSpent(const Parts& parts);

// Makes sure that `inode`'s upper object outlives its last name; before that name is removed or replaced.
// `fd` is an O_PATH descriptor of the object.  A directory over the budget is not kept: ESTALE to who holds
// it.
Status KeepAlive(Parts& parts, Inode& inode, UniqueFd fd);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_ORPHAN_H_
