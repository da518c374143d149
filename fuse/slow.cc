#include "fuse/slow.h"

#include <cinttypes>
#include <cstdio>

#include "engine/base/log.h"
#include "fuse/trace.h"

namespace plyfs::fuse {
namespace {

constexpr int64_t kSlowMs = 1000;
constexpr std::chrono::milliseconds kTick(1000);

}  // namespace

std::string DescribeView(const RequestView& view, const Whereabouts& where) {
  const Operation& operation = FindOperation(view.opcode);
  std::string path = where.path;
  if (!view.name.empty()) path += (path.ends_with('/') ? "" : "/") + view.name;
  std::string line = operation.name != nullptr ? operation.name : "?";
  line += " " + QuoteName(path);
  if (!where.layer.empty()) line += " at " + where.layer;
  char text[96];
  std::snprintf(text, sizeof text, " from pid %u, for %" PRId64 " ms", view.pid, view.age_ms);
  line += text;
  if (view.answered && (operation.traits & kNoReply) == 0) line += ", its client is gone";
  return line;
}

void SlowWatch::Start() {
  thread_ = std::thread([this] { Run(); });
}

void SlowWatch::Stop() {
  {
    MutexLock lock(mu_);
    stop_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void SlowWatch::WakeUp() {
  if (awake_.exchange(true)) return;
  MutexLock lock(mu_);
  changed_.NotifyAll();
}

void SlowWatch::Run() {
  while (true) {
    {
      MutexLock lock(mu_);
      while (!stop_ && !awake_.load()) changed_.Wait(mu_);
      if (!stop_) (void)changed_.WaitFor(mu_, kTick);
      if (stop_) return;
    }
    Tick();
    if (in_flight_.AnswerTheDying()) continue;
    // Asleep first, then looked once more: a request entered in between either is seen here or sees the flag
    // and wakes us.
    awake_.store(false);
    if (in_flight_.AnswerTheDying()) awake_.store(true);
  }
}

void SlowWatch::Tick() {
  in_flight_.ForEach([this](RequestSlot& slot, const RequestView& view) {
    if (view.age_ms < kSlowMs || slot.logged.exchange(view.unique) == view.unique) return;
    Log("slow request: " + DescribeView(view, locate_(view.node, view.asked)));
  });
}

void SlowWatch::LogAll() {
  size_t count = 0;
  in_flight_.ForEach([&](RequestSlot&, const RequestView& view) {
    ++count;
    Log("in flight: " + DescribeView(view, locate_(view.node, view.asked)));
  });
  Logf("%zu requests in flight", count);
}

}  // namespace plyfs::fuse
