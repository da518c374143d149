#include "fuse/notify.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "engine/base/log.h"
#include "fuse/in_flight.h"
#include "fuse/wire.h"

namespace plyfs::fuse {
namespace {

constexpr int kMostSenders = 16;
constexpr int64_t kStuckMs = 100;
// A lane this long is searched no further for an equal notice; a duplicate costs a write, no more.
constexpr size_t kSearched = 32;

template <typename T>
void Append(std::string* out, const T& value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string NotifyMessage(int32_t code, std::string_view payload) {
  std::string message;
  Append(&message, wire::OutHeader{static_cast<uint32_t>(sizeof(wire::OutHeader) + payload.size()), code, 0});
  return message.append(payload);
}

}  // namespace

void Notifier::Start(bool expire_only) {
  MutexLock lock(mu_);
  expire_only_ = expire_only;
  ++senders_;
  AddThread(&Notifier::Send);
  AddThread(&Notifier::Supervise);
}

void Notifier::AddThread(void (Notifier::*body)()) {
  ++threads_;
  std::thread([this, body] {
    (this->*body)();
    MutexLock lock(mu_);
    --threads_;
    stalled_.NotifyAll();
  }).detach();
}

bool Notifier::Stop(std::chrono::milliseconds timeout) {
  const int64_t until = CoarseMs() + timeout.count();
  MutexLock lock(mu_);
  stop_ = true;
  work_.NotifyAll();
  stalled_.NotifyAll();
  while (threads_ > 0) {
    const int64_t left = until - CoarseMs();
    if (left <= 0) return false;
    (void)stalled_.WaitFor(mu_, std::chrono::milliseconds(left));
  }
  return true;
}

void Notifier::InvalidateEntry(NodeId parent, std::string_view name) {
  Post(parent, {Kind::kEntry, std::string(name)});
}
void Notifier::InvalidateAttr(NodeId node) {
  {
    MutexLock lock(mu_);
    if (stop_) return;
  }
  if (Write(node, {Kind::kAttr, {}}) == ENOENT && names_of_) Post(node, {Kind::kNames, {}});
}
void Notifier::InvalidateData(NodeId node) {
  Post(node, {Kind::kData, {}});
}

void Notifier::Post(NodeId node, Notice notice) {
  MutexLock lock(mu_);
  if (stop_) return;
  Lane& lane = lanes_[node];
  const auto end = lane.waiting.begin() + static_cast<ptrdiff_t>(std::min(lane.waiting.size(), kSearched));
  if (std::find(lane.waiting.begin(), end, notice) != end) return;
  if (lane.waiting.empty() && !lane.busy) ready_.push_back(node);
  lane.waiting.push_back(std::move(notice));
  work_.NotifyOne();
  if (idle_ == 0) stalled_.NotifyAll();
}

std::pair<NodeId, Notifier::Notice> Notifier::Take() {
  const NodeId node = ready_.front();
  ready_.pop_front();
  Lane& lane = lanes_[node];
  std::pair<NodeId, Notice> taken(node, std::move(lane.waiting.front()));
  lane.waiting.pop_front();
  lane.busy = true;
  ++taken_;
  return taken;
}

void Notifier::Done(NodeId node) {
  const auto lane = lanes_.find(node);
  lane->second.busy = false;
  if (lane->second.waiting.empty()) {
    lanes_.erase(lane);
  } else {
    ready_.push_back(node);
  }
}

void Notifier::Send() {
  mu_.Lock();
  while (true) {
    while (!stop_ && ready_.empty()) {
      ++idle_;
      work_.Wait(mu_);
      --idle_;
    }
    if (stop_) break;
    const auto [node, notice] = Take();
    mu_.Unlock();
    Deliver(node, notice);
    mu_.Lock();
    Done(node);
  }
  mu_.Unlock();
}

void Notifier::Supervise() {
  MutexLock lock(mu_);
  while (!stop_) {
    if (ready_.empty() || idle_ > 0) {
      stalled_.Wait(mu_);
      continue;
    }
    const uint64_t before = taken_;
    const int64_t until = CoarseMs() + kStuckMs;
    for (int64_t left = kStuckMs; left > 0 && !stop_ && taken_ == before; left = until - CoarseMs()) {
      (void)stalled_.WaitFor(mu_, std::chrono::milliseconds(left));
    }
    if (stop_ || taken_ != before || senders_ == kMostSenders) continue;
    ++senders_;
    AddThread(&Notifier::Send);
  }
}

void Notifier::Deliver(NodeId node, const Notice& notice) {
  if (notice.kind == Kind::kNames) return TakeBackNames(node);
  const int error = Write(node, notice);
  if (error == ENOENT && notice.kind == Kind::kData && names_of_) TakeBackNames(node);
}

void Notifier::TakeBackNames(NodeId node) {
  {
    MutexLock lock(mu_);
    if (stop_) return;
  }
  for (const auto& [parent, name] : names_of_(node)) InvalidateEntry(parent, name);
}

int Notifier::Write(NodeId node, const Notice& notice) {
  std::string message;
  if (notice.kind == Kind::kEntry) {
    bool expire_only;
    {
      MutexLock lock(mu_);
      expire_only = expire_only_;
    }
    std::string payload;
    Append(&payload, wire::NotifyInvalEntry{node, static_cast<uint32_t>(notice.name.size()),
                                            expire_only ? wire::kExpireOnly : 0});
    payload.append(notice.name).push_back('\0');
    message = NotifyMessage(wire::kNotifyInvalEntry, payload);
  } else {
    std::string payload;
    // A negative offset: attributes and ACLs, no pages (fs/fuse/inode.c:fuse_reverse_inval_inode).
    Append(&payload, wire::NotifyInvalInode{node, notice.kind == Kind::kAttr ? -1 : 0, 0});
    message = NotifyMessage(wire::kNotifyInvalInode, payload);
  }
  const int error = transport_.Send(message).error();
  // ENOENT: the kernel does not have it.  The others: the connection is over, or never began.
  const bool usual = error == 0 || error == ENOENT || error == ENODEV || error == ENOTCONN || error == EPERM;
  if (!usual && !complained_.exchange(true)) Logf("fuse: a notification was refused: errno %d", error);
  return error;
}

}  // namespace plyfs::fuse
