#include "fuse/reader_pool.h"

#include <pthread.h>

#include <memory>

#include "engine/base/log.h"
#include "engine/io/sys_creds.h"
#include "fuse/signals_blocked.h"

namespace plyfs::fuse {
namespace {

constexpr int64_t kLingerMs = 10000;

// What a thread needs before it may call the engine.  The one place for it.
void PrepareReaderThread() {
  // Without CAP_SETPCAP there is no other identity to take on either.
  (void)sys::KeepCapabilitiesAcrossFsIds();
}

}  // namespace

struct ReaderPool::Reader {
  ReaderPool& pool;
  ReaderBuffers buffers;
  RequestSlot* slot;
};

Status ReaderPool::Start(const ReaderLimits& limits) {
  limits_ = limits;
  for (int i = 0; i < limits_.at_rest; ++i) PLY_CHECK(StartReader());
  return OkStatus();
}

Status ReaderPool::StartReader() {
  {
    MutexLock lock(mu_);
    if (total_ >= limits_.most) return Errno(EAGAIN);
    ++total_;
  }
  // Counted as idle from now on, so that two readers about to block do not both start one.
  ++idle_;
  Status status = OkStatus();
  if (Result<ReaderBuffers> buffers = ReaderBuffers::Make(limits_.max_write); buffers.ok()) {
    auto* reader = new Reader{*this, std::move(*buffers), in_flight_.Acquire()};
    const SignalsBlocked blocked;  // inherited by the new thread
    pthread_t thread;
    const int error = pthread_create(&thread, nullptr, &ReaderPool::ThreadMain, reader);
    if (error == 0) {
      pthread_detach(thread);
      ++started_;
      return OkStatus();
    }
    status = Errno(error);
    in_flight_.Release(reader->slot);
    delete reader;
  } else {
    status = buffers.status();
  }
  --idle_;
  MutexLock lock(mu_);
  --total_;
  return status;
}

void* ReaderPool::ThreadMain(void* argument) {
  std::unique_ptr<Reader> reader(static_cast<Reader*>(argument));
  ReaderPool& pool = reader->pool;
  PrepareReaderThread();
  AskedLayer::Lend(&reader->slot->asked);
  pool.Run(*reader);
  AskedLayer::Lend(nullptr);
  pool.in_flight_.Release(reader->slot);
  // Before the buffers are given back: whoever waits for the end of the mount waits for this.
  if (pool.LeavesLast() && pool.at_end_) pool.at_end_();
  reader.reset();
  // After this the pool may be gone: notified under the lock for that reason.
  MutexLock lock(pool.mu_);
  --pool.leaving_;
  --pool.total_;
  pool.changed_.NotifyAll();
  return nullptr;
}

bool ReaderPool::LeavesLast() {
  MutexLock lock(mu_);
  ++leaving_;
  return over_ && leaving_ == total_;
}

// Enters and leaves counted as idle.
void ReaderPool::Run(Reader& reader) {
  while (ReceiveOne(reader)) {
    if (MayLeave()) return;
    ++idle_;
  }
}

bool ReaderPool::ReceiveOne(Reader& reader) {
  const auto received = transport_.Receive(reader.buffers.request());
  --idle_;
  if (received.ok()) {
    serve_(*received, reader.buffers, *reader.slot);
    return true;
  }
  if (FateOf(received.error()) == ReceiveFate::kAgain) return true;
  Ended(received.error());
  return false;
}

void ReaderPool::BeforeBlocking() {
  if (idle_.load() > 0) return;
  last_short_ms_.store(CoarseMs(), std::memory_order_relaxed);
  const Status started = StartReader();
  if (!started) LogOnce(complained_, "fuse: cannot start another reader; requests may wait for each other");
}

// The leaver is not counted as idle, so enough stay behind, however many leave at once.
bool ReaderPool::MayLeave() {
  return idle_.load(std::memory_order_relaxed) >= limits_.at_rest &&
         CoarseMs() - last_short_ms_.load(std::memory_order_relaxed) >= kLingerMs;
}

void ReaderPool::Ended(int error) {
  MutexLock lock(mu_);
  if (FateOf(error) == ReceiveFate::kBroken && !over_) Logf("fuse: reading requests failed: errno %d", error);
  over_ = true;
  changed_.NotifyAll();
}

void ReaderPool::Wait() {
  MutexLock lock(mu_);
  while (!over_) changed_.Wait(mu_);
}

void ReaderPool::Stop() {
  MutexLock lock(mu_);
  over_ = true;
  changed_.NotifyAll();
}

bool ReaderPool::WaitUntilGone(std::chrono::milliseconds timeout) {
  const int64_t until = CoarseMs() + timeout.count();
  MutexLock lock(mu_);
  while (total_.load() > 0) {
    const int64_t left = until - CoarseMs();
    if (left <= 0) return false;
    (void)changed_.WaitFor(mu_, std::chrono::milliseconds(left));
  }
  return true;
}

}  // namespace plyfs::fuse
