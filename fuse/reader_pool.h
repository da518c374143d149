// ReaderPool: the threads that sit in Receive, as many as are needed and few more.
//
// Each request is executed on the thread that received it: nothing is ever handed over.  So that one blocked
// on a slow layer holds up nobody else, a reader about to block first makes sure that another one is
// receiving (BeforeBlocking).  Spare readers leave when for some seconds there was always one to spare.
#ifndef PLYFS_FUSE_READER_POOL_H_
#define PLYFS_FUSE_READER_POOL_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <span>

#include "engine/base/mutex.h"
#include "engine/base/result.h"
#include "fuse/in_flight.h"
#include "fuse/reader_buffers.h"
#include "fuse/transport.h"

namespace plyfs::fuse {

struct ReaderLimits {
  int at_rest = 2;
  int most = 1024;
  uint32_t max_write = 1u << 20;
};

class ReaderPool {
 public:
  // Executes one request on the calling reader.
  using Serve = std::function<void(std::span<const char> bytes, const ReaderBuffers&, RequestSlot&)>;

  // `at_end` is called once, by the last reader to leave after the connection has ended or Stop: no request
  // is being executed then, and none comes.
  ReaderPool(Transport& transport, InFlight& in_flight, Serve serve, std::function<void()> at_end = {})
      : transport_(transport), in_flight_(in_flight), serve_(std::move(serve)), at_end_(std::move(at_end)) {}
  ReaderPool(const ReaderPool&) = delete;

  Status Start(const ReaderLimits& limits);
  // By a reader that executes a request which may block.
  void BeforeBlocking();

  // Until the connection ends or Stop.
  void Wait();
  void Stop();
  // False: after `timeout` readers are still there (in Receive, blocked on a layer, or in `at_end`).
  bool WaitUntilGone(std::chrono::milliseconds timeout);

  int readers() const { return total_.load(std::memory_order_relaxed); }
  uint64_t started() const { return started_.load(std::memory_order_relaxed); }

 private:
  struct Reader;
  static void* ThreadMain(void* reader);
  Status StartReader();
  void Run(Reader& reader);
  // False: the connection is over.
  bool ReceiveOne(Reader& reader);
  bool MayLeave();
  void Ended(int error);
  // A reader leaves; true for the last one of a pool that is over.
  bool LeavesLast();

  Transport& transport_;
  InFlight& in_flight_;
  const Serve serve_;
  const std::function<void()> at_end_;
  ReaderLimits limits_;
  std::atomic<int> idle_{0};               // in Receive, or on the way to it
  std::atomic<int> total_{0};              // changes under mu_
  std::atomic<int64_t> last_short_ms_{0};  // when last nobody was idle
  std::atomic<uint64_t> started_{0};
  std::atomic<bool> complained_{false};
  Mutex mu_{LockRank::kReaders};
  CondVar changed_;
  bool over_ ABSL_GUARDED_BY(mu_) = false;
  int leaving_ ABSL_GUARDED_BY(mu_) = 0;  // of total_
};

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_READER_POOL_H_
