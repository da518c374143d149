// AskedLayer: which layer a thread has last asked something of, for whoever tells of requests that hang.
//
// A thread notes it into a cell that it was lent (a reader: that of its request slot); a thread without one
// notes nothing.  The cell outlives the thread's use of it; any thread may read it.
#ifndef PLYFS_ENGINE_BASE_ASKED_LAYER_H_
#define PLYFS_ENGINE_BASE_ASKED_LAYER_H_

#include <atomic>

#include "engine/base/ids.h"

namespace plyfs {

class AskedLayer {
 public:
  using Cell = std::atomic<LayerId>;
  static constexpr LayerId kNone = -2;  // none yet

  static void Lend(Cell* cell) { cell_ = cell; }
  // For who lends it on to a thread that works for this one.
  static Cell* Lent() { return cell_; }
  static void Note(LayerId layer) {
    if (cell_ != nullptr) cell_->store(layer, std::memory_order_relaxed);
  }

 private:
  static inline thread_local constinit Cell* cell_ = nullptr;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_BASE_ASKED_LAYER_H_
