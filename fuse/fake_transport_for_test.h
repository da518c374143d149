// FakeTransport: a kernel made of two lists, for tests.
#ifndef PLYFS_FUSE_FAKE_TRANSPORT_FOR_TEST_H_
#define PLYFS_FUSE_FAKE_TRANSPORT_FOR_TEST_H_

#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "engine/base/mutex.h"
#include "fuse/transport.h"
#include "fuse/wire.h"

namespace plyfs::fuse {

// A request as the kernel would send it.
inline std::string RequestOf(uint32_t opcode, uint64_t unique, const std::string& body) {
  wire::InHeader header{};
  header.len = static_cast<uint32_t>(sizeof header + body.size());
  header.opcode = opcode;
  header.unique = unique;
  header.nodeid = 1;
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + body;
}

struct SentReply {
  wire::OutHeader header;
  std::string body;
};

class FakeTransport : public Transport {
 public:
  Result<std::span<const char>> Receive(std::span<char> room) override {
    MutexLock lock(mu_);
    while (requests_.empty() && !ended_) changed_.Wait(mu_);
    if (requests_.empty()) return Errno(ENODEV);
    const std::string request = std::move(requests_.front());
    requests_.pop_front();
    std::memcpy(room.data(), request.data(), request.size());
    return std::span<const char>(room).first(request.size());
  }
  Status Send(std::span<const char> reply) override {
    MutexLock lock(mu_);
    SentReply sent;
    std::memcpy(&sent.header, reply.data(), sizeof sent.header);
    sent.body.assign(reply.begin() + sizeof sent.header, reply.end());
    sent_.push_back(std::move(sent));
    changed_.NotifyAll();
    return OkStatus();
  }

  void Push(std::string request) {
    MutexLock lock(mu_);
    requests_.push_back(std::move(request));
    changed_.NotifyAll();
  }
  void End() {
    MutexLock lock(mu_);
    ended_ = true;
    changed_.NotifyAll();
  }
  std::vector<SentReply> sent() {
    MutexLock lock(mu_);
    return sent_;
  }

 private:
  Mutex mu_{LockRank::kTests};
  CondVar changed_;
  std::deque<std::string> requests_ ABSL_GUARDED_BY(mu_);
  std::vector<SentReply> sent_ ABSL_GUARDED_BY(mu_);
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_FAKE_TRANSPORT_FOR_TEST_H_
