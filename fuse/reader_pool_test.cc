#include "fuse/reader_pool.h"

#include <cstdint>

#include "fuse/fake_transport_for_test.h"
#include "gtest/gtest.h"

namespace plyfs::fuse {
namespace {

constexpr std::chrono::milliseconds kLong(60000);

TEST(ReaderBuffers, DataAndBodiesStartOnPages) {  // F7
  const auto buffers = ReaderBuffers::Make(1 << 20);
  ASSERT_TRUE(buffers.ok());
  const auto data = reinterpret_cast<uintptr_t>(buffers->request().data()) + wire::kWriteDataOffset;
  EXPECT_EQ(data % 4096, 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffers->body().data()) % 4096, 0u);
  EXPECT_EQ(buffers->whole_reply(10).data() + sizeof(wire::OutHeader), buffers->body().data());
  EXPECT_EQ(buffers->whole_reply(10).size(), sizeof(wire::OutHeader) + 10);
  // fs/fuse/dev.c:fuse_dev_do_read wants room for the largest WRITE.
  EXPECT_GE(buffers->request().size(), wire::kWriteDataOffset + (1 << 20));
  EXPECT_GE(ReaderBuffers::Make(4096)->request().size(), 8192u);
}

TEST(ReaderBuffers, EveryByteIsThere) {
  const auto buffers = ReaderBuffers::Make(4096);
  for (std::span<char> part : {buffers->request(), buffers->whole_reply(buffers->body().size())}) {
    part.front() = 1;
    part.back() = 2;
    EXPECT_EQ(part.front() + part.back(), 3);
  }
}

TEST(Receive, FateOfAnErrno) {
  for (int error : {EINTR, EAGAIN, ENOENT}) EXPECT_EQ(FateOf(error), ReceiveFate::kAgain);
  for (int error : {ENODEV, ECONNABORTED}) EXPECT_EQ(FateOf(error), ReceiveFate::kEnded);
  EXPECT_EQ(FateOf(EPERM), ReceiveFate::kBroken);
}

// Each request waits until all of them are being executed: without a reader for each the test hangs.
TEST(ReaderPool, BlockedRequestsDoNotKeepOthersWaiting) {
  constexpr int kRequests = 8;
  FakeTransport transport;
  InFlight in_flight(transport);
  Mutex mu{LockRank::kTests};
  CondVar changed;
  int inside = 0;
  ReaderPool* self = nullptr;
  ReaderPool pool(transport, in_flight, [&](std::span<const char>, const ReaderBuffers&, RequestSlot&) {
    self->BeforeBlocking();
    MutexLock lock(mu);
    ++inside;
    changed.NotifyAll();
    while (inside < kRequests) changed.Wait(mu);
  });
  self = &pool;
  ASSERT_TRUE(pool.Start({1, 64, 4096}).ok());
  for (int i = 0; i < kRequests; ++i) transport.Push(RequestOf(wire::kLookup, 2 * i + 2, ""));
  {
    MutexLock lock(mu);
    while (inside < kRequests) changed.Wait(mu);
  }
  EXPECT_GE(pool.started(), static_cast<uint64_t>(kRequests));
  transport.End();
  pool.Wait();
  EXPECT_TRUE(pool.WaitUntilGone(kLong));
  EXPECT_EQ(pool.readers(), 0);
}

TEST(ReaderPool, NoMoreReadersThanAllowed) {
  FakeTransport transport;
  InFlight in_flight(transport);
  Mutex mu{LockRank::kTests};
  CondVar changed;
  int served = 0;
  ReaderPool* self = nullptr;
  ReaderPool pool(transport, in_flight, [&](std::span<const char>, const ReaderBuffers&, RequestSlot&) {
    self->BeforeBlocking();
    EXPECT_LE(self->readers(), 2);
    MutexLock lock(mu);
    ++served;
    changed.NotifyAll();
  });
  self = &pool;
  ASSERT_TRUE(pool.Start({1, 2, 4096}).ok());
  for (int i = 0; i < 100; ++i) transport.Push(RequestOf(wire::kLookup, 2 * i + 2, ""));
  {
    MutexLock lock(mu);
    while (served < 100) changed.Wait(mu);
  }
  transport.End();
  pool.Wait();
  EXPECT_TRUE(pool.WaitUntilGone(kLong));
}

TEST(ReaderPool, StopEndsTheWaitThoughReadersStay) {
  FakeTransport transport;
  InFlight in_flight(transport);
  ReaderPool pool(transport, in_flight, [](std::span<const char>, const ReaderBuffers&, RequestSlot&) {});
  ASSERT_TRUE(pool.Start({2, 4, 4096}).ok());
  pool.Stop();
  pool.Wait();
  EXPECT_FALSE(pool.WaitUntilGone(std::chrono::milliseconds(0)));
  transport.End();
  EXPECT_TRUE(pool.WaitUntilGone(kLong));
}

TEST(ReaderPool, TheLastReaderToLeaveSaysThatItIsTheEnd) {
  FakeTransport transport;
  InFlight in_flight(transport);
  Mutex mu{LockRank::kTests};
  CondVar changed;
  bool inside = false, may_go = false;
  int served = 0, ends = 0;
  ReaderPool pool(
      transport, in_flight,
      [&](std::span<const char>, const ReaderBuffers&, RequestSlot&) {
        MutexLock lock(mu);
        inside = true;
        changed.NotifyAll();
        while (!may_go) changed.Wait(mu);
        ++served;
      },
      [&] {
        MutexLock lock(mu);
        EXPECT_EQ(served, 1) << "a request is still being executed";
        ++ends;
      });
  ASSERT_TRUE(pool.Start({3, 4, 4096}).ok());
  transport.Push(RequestOf(wire::kLookup, 2, ""));
  {
    MutexLock lock(mu);
    while (!inside) changed.Wait(mu);
  }
  transport.End();
  pool.Wait();
  EXPECT_FALSE(pool.WaitUntilGone(std::chrono::milliseconds(10)));
  {
    MutexLock lock(mu);
    EXPECT_EQ(ends, 0);
    may_go = true;
    changed.NotifyAll();
  }
  EXPECT_TRUE(pool.WaitUntilGone(kLong));
  MutexLock lock(mu);
  EXPECT_EQ(ends, 1);
}

}  // namespace
}  // namespace plyfs::fuse
