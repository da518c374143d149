#include "fuse/in_flight.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "fuse/client_state.h"

namespace plyfs::fuse {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

bool ReadOnlyOpen(const Message& message) {
  const auto args = Decoder(message.body).Fixed<wire::OpenIn>();
  return args.ok() && (args->flags & (O_ACCMODE | O_TRUNC)) == O_RDONLY;
}

void RememberName(RequestSlot& slot, const Message& message, const Operation& operation) {
  char bytes[sizeof slot.name] = {};
  if ((operation.traits & kNamed) != 0 && message.body.size() > operation.fixed) {
    const auto text = message.body.subspan(operation.fixed);
    std::memcpy(bytes, text.data(), std::min(text.size(), sizeof bytes));
  }
  for (size_t i = 0; i < slot.name.size(); ++i) {
    uint64_t word;
    std::memcpy(&word, bytes + i * sizeof word, sizeof word);
    slot.name[i].store(word, kRelaxed);
  }
}

std::string RememberedName(const RequestSlot& slot) {
  char bytes[sizeof slot.name];
  for (size_t i = 0; i < slot.name.size(); ++i) {
    const uint64_t word = slot.name[i].load(kRelaxed);
    std::memcpy(bytes + i * sizeof word, &word, sizeof word);
  }
  return std::string(bytes, strnlen(bytes, sizeof bytes));
}

}  // namespace

int64_t CoarseMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

RequestSlot* InFlight::Acquire() {
  MutexLock lock(mu_);
  if (free_.empty()) return &slots_.emplace_back();
  RequestSlot* slot = free_.back();
  free_.pop_back();
  return slot;
}

void InFlight::Release(RequestSlot* slot) {
  MutexLock lock(mu_);
  free_.push_back(slot);
}

void InFlight::Begin(RequestSlot& slot, const Message& message, const Operation& operation) {
  slot.node.store(message.header.nodeid, kRelaxed);
  slot.started_ms.store(CoarseMs(), kRelaxed);
  slot.opcode.store(message.header.opcode, kRelaxed);
  slot.pid.store(message.header.pid, kRelaxed);
  slot.asked.store(AskedLayer::kNone, kRelaxed);
  slot.may_answer_early.store((operation.traits & kNoEffects) != 0 ||
                                  ((operation.traits & kNoEffectsReadOnly) != 0 && ReadOnlyOpen(message)),
                              kRelaxed);
  RememberName(slot, message, operation);
  slot.executing.store(message.header.unique, std::memory_order_release);
  // Sequentially consistent: the watch of slow requests either sees this or is seen to sleep (slow.cc).
  slot.unanswered.store((operation.traits & kNoReply) != 0 ? 0 : message.header.unique);
}

void InFlight::End(RequestSlot& slot) {
  slot.executing.store(0, std::memory_order_release);
}

bool InFlight::Claim(RequestSlot& slot, uint64_t unique) {
  return slot.unanswered.compare_exchange_strong(unique, 0);
}

std::vector<RequestSlot*> InFlight::Slots() {
  MutexLock lock(mu_);
  std::vector<RequestSlot*> slots;
  slots.reserve(slots_.size());
  for (RequestSlot& slot : slots_) slots.push_back(&slot);
  return slots;
}

bool InFlight::Interrupt(uint64_t unique) {
  if (unique == 0) return false;  // a slot at rest has it
  for (RequestSlot* slot : Slots()) {
    if (slot->unanswered.load() != unique) continue;
    slot->interrupted.store(unique);
    AnswerIfDying(*slot, unique);
    return true;
  }
  return false;
}

void InFlight::AnswerIfDying(RequestSlot& slot, uint64_t unique) {
  if (!slot.may_answer_early.load() || !ClientIsDying(slot.pid.load())) return;
  if (!Claim(slot, unique)) return;
  const wire::OutHeader reply{sizeof(wire::OutHeader), -EINTR, unique};
  (void)transport_.Send({reinterpret_cast<const char*>(&reply), sizeof reply});
}

bool InFlight::AnswerTheDying() {
  bool any = false;
  for (RequestSlot* slot : Slots()) {
    const uint64_t unique = slot->unanswered.load();
    any = any || slot->executing.load() != 0;
    if (unique != 0 && slot->interrupted.load() == unique) AnswerIfDying(*slot, unique);
  }
  return any;
}

bool InFlight::View(RequestSlot& slot, RequestView* view) {
  view->unique = slot.executing.load(std::memory_order_acquire);
  if (view->unique == 0) return false;
  view->opcode = slot.opcode.load(kRelaxed);
  view->pid = slot.pid.load(kRelaxed);
  view->node = slot.node.load(kRelaxed);
  view->asked = slot.asked.load(kRelaxed);
  view->age_ms = CoarseMs() - slot.started_ms.load(kRelaxed);
  view->name = RememberedName(slot);
  view->answered = slot.unanswered.load() != view->unique;
  std::atomic_thread_fence(std::memory_order_acquire);
  return slot.executing.load(kRelaxed) == view->unique;
}

}  // namespace plyfs::fuse
