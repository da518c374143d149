#include "engine/io/side_by_side.h"

#include <algorithm>

namespace plyfs {
namespace {

// Waking a thread costs as much as a few calls that are answered from memory.
constexpr size_t kFewCalls = 32;
constexpr size_t kStep = 4;
// Of those that mostly wait, not all at a time: they are somebody's server.
constexpr size_t kWaiting = 64;

}  // namespace

SideBySide::~SideBySide() {
  std::vector<pthread_t> threads;
  {
    MutexLock lock(mu_);
    stop_ = true;
    threads.swap(threads_);
  }
  wanted_.NotifyAll();
  for (pthread_t thread : threads) ::pthread_join(thread, nullptr);
}

size_t SideBySide::HelpersFor(size_t count, Waits waits) const {
  if (waits == Waits::kMostly) return std::min(count, kWaiting) - (count > 0);
  if (count < kFewCalls || processors_ < 2) return 0;
  return std::min<size_t>(processors_ - 1, 3);
}

void SideBySide::ForEach(size_t count, Waits waits, const std::function<void(size_t)>& work) {
  Job job{work, count, waits == Waits::kMostly ? 1 : kStep, AskedLayer::Lent(), fault_internal::thread_hook};
  job.wanted = HelpersFor(count, waits);
  const bool offered = job.wanted > 0 && Offer(&job);
  job.Run();
  if (offered) Finish(&job);
}

void SideBySide::Job::Run() {
  for (;;) {
    const size_t first = next.fetch_add(step, std::memory_order_relaxed);
    if (first >= count) return;
    for (size_t i = first; i < std::min(count, first + step); ++i) work(i);
  }
}

bool SideBySide::Offer(Job* job) {
  const size_t wanted = job->wanted;
  {
    MutexLock lock(mu_);
    if (job_ || stop_) return false;
    job_ = job;
    Start(job->wanted);
  }
  // No more than are wanted: there may be many that sleep, from a time when all of them were.
  for (size_t i = 0; i < wanted; ++i) wanted_.NotifyOne();
  return true;
}

void SideBySide::Start(size_t wanted) {
  while (threads_.size() < wanted) {
    pthread_t thread;
    if (::pthread_create(&thread, nullptr, &SideBySide::ThreadMain, this) != 0) return;
    threads_.push_back(thread);
  }
}

void* SideBySide::ThreadMain(void* self) {
  static_cast<SideBySide*>(self)->Help();
  return nullptr;
}

void SideBySide::Finish(Job* job) {
  MutexLock lock(mu_);
  job_ = nullptr;
  while (job->helping > 0) done_.Wait(mu_);
}

void SideBySide::Help() {
  MutexLock lock(mu_);
  for (;;) {
    while (!stop_ && !(job_ && job_->wanted > 0 && job_->left())) wanted_.Wait(mu_);
    if (stop_) return;
    Job* job = job_;
    --job->wanted;
    ++job->helping;
    mu_.Unlock();
    {
      AskedLayer::Lend(job->asked);
      ScopedFaults faults(job->faults);
      job->Run();
      AskedLayer::Lend(nullptr);
    }
    mu_.Lock();
    if (--job->helping == 0) done_.NotifyAll();
  }
}

size_t SideBySide::started() {
  MutexLock lock(mu_);
  return threads_.size();
}

}  // namespace plyfs
