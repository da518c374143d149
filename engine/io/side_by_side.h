// SideBySide: work that falls into many pieces, such as opening hundreds of copies of a directory, done by
// several threads at once.
//
// Owned by Parts; ForEach may be called from any thread.  Threads are started when they are first wanted and
// sleep when there is nothing to do.  They work for one caller at a time; who comes while they are taken does
// all of its work itself, so nobody ever waits for a helper that is busy with something else.
#ifndef PLYFS_ENGINE_IO_SIDE_BY_SIDE_H_
#define PLYFS_ENGINE_IO_SIDE_BY_SIDE_H_

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

#include "engine/base/asked_layer.h"
#include "engine/base/mutex.h"
#include "engine/io/fault.h"

namespace plyfs {

class SideBySide {
 public:
  // `processors`: how many there are.
  explicit SideBySide(unsigned processors = std::thread::hardware_concurrency()) : processors_(processors) {}
  ~SideBySide();
  SideBySide(const SideBySide&) = delete;
  SideBySide& operator=(const SideBySide&) = delete;

  // How long a piece of work waits for something else than a processor.
  enum class Waits { kHardly, kMostly };

  // Calls work(i) once for each i < count, here and on as many helpers as are worth it; returns when all
  // calls have.  The calls must not mind each other.  Faults planned for this thread hold for the helpers
  // too.
  void ForEach(size_t count, Waits waits, const std::function<void(size_t)>& work);

  // For tests: threads started so far.
  size_t started();

 private:
  struct Job {
    const std::function<void(size_t)>& work;
    const size_t count;
    const size_t step;  // calls that are taken at a time
    AskedLayer::Cell* const asked;
    FaultHook* const faults;
    std::atomic<size_t> next{0};
    size_t helping = 0;  // guarded by mu_
    size_t wanted = 0;   // likewise: helpers still to come

    bool left() const { return next.load(std::memory_order_relaxed) < count; }
    void Run();
  };
  size_t HelpersFor(size_t count, Waits waits) const;
  // False: they are taken.
  bool Offer(Job* job);
  void Finish(Job* job);
  // As many threads as are wanted, or as the system grants.
  void Start(size_t wanted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static void* ThreadMain(void* self);
  void Help();

  const unsigned processors_;

  Mutex mu_{LockRank::kSideBySide};
  CondVar wanted_;
  CondVar done_;
  Job* job_ ABSL_GUARDED_BY(mu_) = nullptr;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<pthread_t> threads_ ABSL_GUARDED_BY(mu_);
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_IO_SIDE_BY_SIDE_H_
