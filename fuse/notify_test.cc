#include "fuse/notify.h"

#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "fuse/wire.h"
#include "gtest/gtest.h"

namespace plyfs::fuse {
namespace {

// Keeps what is sent; a send about `blocked_node` waits until Unblock.
class FakeKernel : public Transport {
 public:
  Result<std::span<const char>> Receive(std::span<char>) override { return Errno(ENODEV); }
  Status Send(std::span<const char> reply) override {
    uint64_t node = 0;
    std::memcpy(&node, reply.data() + sizeof(wire::OutHeader), sizeof node);
    MutexLock lock(mu_);
    ++entered_;
    changed_.NotifyAll();
    while (node == blocked_node_) changed_.Wait(mu_);
    sent_.emplace_back(reply.begin(), reply.end());
    changed_.NotifyAll();
    return Errno(ENOENT);
  }
  void Block(uint64_t node) {
    MutexLock lock(mu_);
    blocked_node_ = node;
    changed_.NotifyAll();
  }
  void AwaitEntered(size_t count) {
    MutexLock lock(mu_);
    while (entered_ < count) changed_.Wait(mu_);
  }
  std::vector<std::string> AwaitSent(size_t count) {
    MutexLock lock(mu_);
    while (sent_.size() < count) changed_.Wait(mu_);
    return sent_;
  }

 private:
  Mutex mu_{LockRank::kTests};
  CondVar changed_;
  uint64_t blocked_node_ ABSL_GUARDED_BY(mu_) = 0;
  size_t entered_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<std::string> sent_ ABSL_GUARDED_BY(mu_);
};

constexpr std::chrono::milliseconds kLong(60000);

template <typename T>
T At(const std::string& message, size_t offset) {
  T value;
  std::memcpy(&value, message.data() + offset, sizeof value);
  return value;
}

std::string NameIn(const std::string& message) {
  return message.substr(32, message.size() - 33);
}

TEST(Notifier, EntryMessage) {
  for (const bool expire_only : {false, true}) {
    FakeKernel kernel;
    Notifier notifier(kernel);
    notifier.Start(expire_only);
    notifier.InvalidateEntry(5, "name");
    const std::string message = kernel.AwaitSent(1)[0];
    ASSERT_EQ(message.size(), 16u + 16u + 5u);
    const auto header = At<wire::OutHeader>(message, 0);
    EXPECT_EQ(header.len, message.size());
    EXPECT_EQ(header.error, 3);
    EXPECT_EQ(header.unique, 0u);
    const auto entry = At<wire::NotifyInvalEntry>(message, 16);
    EXPECT_EQ(entry.parent, 5u);
    EXPECT_EQ(entry.namelen, 4u);
    EXPECT_EQ(entry.flags, expire_only ? 1u : 0u);
    EXPECT_EQ(message.substr(32), std::string("name\0", 5));
    EXPECT_TRUE(notifier.Stop(kLong));
  }
}

TEST(Notifier, InodeMessages) {
  FakeKernel kernel;
  Notifier notifier(kernel);
  notifier.Start(false);
  notifier.InvalidateAttr(7);
  notifier.InvalidateData(7);
  const auto sent = kernel.AwaitSent(2);
  const auto attr = At<wire::NotifyInvalInode>(sent[0], 16), data = At<wire::NotifyInvalInode>(sent[1], 16);
  EXPECT_EQ(At<wire::OutHeader>(sent[0], 0).error, 2);
  EXPECT_EQ(attr.ino, 7u);
  EXPECT_LT(attr.off, 0);
  EXPECT_EQ(data.off, 0);
  EXPECT_EQ(data.len, 0);
  EXPECT_TRUE(notifier.Stop(kLong));
}

// The kernel does not know the node yet: a reply that makes it known, with what was true before, may be on
// its way.  Notices about names wait for it.
TEST(Notifier, ANodeThatTheKernelDoesNotKnowIsTakenBackByItsNames) {
  for (const bool data : {false, true}) {
    FakeKernel kernel;
    Notifier notifier(kernel, [](NodeId node) {
      std::vector<std::pair<NodeId, std::string>> names;
      if (node == 7) names = {{5, "a"}, {6, "b"}};
      return names;
    });
    notifier.Start(false);
    for (const NodeId node : {NodeId{8}, NodeId{7}}) {
      data ? notifier.InvalidateData(node) : notifier.InvalidateAttr(node);
    }
    const auto sent = kernel.AwaitSent(4);
    std::set<std::string> names;
    for (const std::string& message : sent) {
      if (At<wire::OutHeader>(message, 0).error == 3) names.insert(NameIn(message));
    }
    EXPECT_EQ(names, (std::set<std::string>{"a", "b"}));
    EXPECT_TRUE(notifier.Stop(kLong));
    EXPECT_EQ(kernel.AwaitSent(4).size(), 4u);
  }
}

TEST(Notifier, ABlockedNodeHoldsUpOnlyItself) {
  FakeKernel kernel;
  Notifier notifier(kernel);
  kernel.Block(1);
  notifier.Start(false);
  notifier.InvalidateEntry(1, "first");
  kernel.AwaitEntered(1);
  notifier.InvalidateEntry(1, "second");
  notifier.InvalidateEntry(1, "third");
  notifier.InvalidateEntry(2, "other");
  EXPECT_EQ(NameIn(kernel.AwaitSent(1)[0]), "other");
  kernel.Block(0);
  const auto sent = kernel.AwaitSent(4);
  EXPECT_EQ(NameIn(sent[1]), "first");
  EXPECT_EQ(NameIn(sent[2]), "second");
  EXPECT_EQ(NameIn(sent[3]), "third");
  EXPECT_TRUE(notifier.Stop(kLong));
}

TEST(Notifier, AnEqualNoticeThatWaitsIsNotRepeated) {
  FakeKernel kernel;
  Notifier notifier(kernel);
  kernel.Block(1);
  notifier.Start(false);
  notifier.InvalidateEntry(1, "a");
  kernel.AwaitEntered(1);
  // "a" is being sent, so it counts again: the change may have come after the kernel looked.
  for (const char* name : {"a", "b", "a", "b"}) notifier.InvalidateEntry(1, name);
  kernel.Block(0);
  notifier.InvalidateData(1);
  const auto sent = kernel.AwaitSent(4);
  EXPECT_EQ(NameIn(sent[0]), "a");
  EXPECT_EQ(NameIn(sent[1]), "a");
  EXPECT_EQ(NameIn(sent[2]), "b");
  EXPECT_EQ(At<wire::OutHeader>(sent[3], 0).error, 2);
  EXPECT_TRUE(notifier.Stop(kLong));
}

TEST(Notifier, StopTellsOfAStuckSender) {
  FakeKernel kernel;
  Notifier notifier(kernel);
  kernel.Block(1);
  notifier.Start(false);
  notifier.InvalidateData(1);
  kernel.AwaitEntered(1);
  EXPECT_FALSE(notifier.Stop(std::chrono::milliseconds(1)));
  kernel.Block(0);
  EXPECT_TRUE(notifier.Stop(kLong));
  notifier.InvalidateData(2);  // after the end: dropped
  EXPECT_EQ(kernel.AwaitSent(1).size(), 1u);
}

}  // namespace
}  // namespace plyfs::fuse
