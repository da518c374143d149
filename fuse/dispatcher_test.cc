#include "fuse/dispatcher.h"

#include <random>
#include <string>

#include "engine/base/log.h"
#include "fuse/fake_transport_for_test.h"
#include "gtest/gtest.h"

namespace plyfs::fuse {
namespace {

// The engine is null: a request that reached it would crash.
class DispatcherTest : public testing::Test {
 protected:
  DispatcherTest() : buffers_(*ReaderBuffers::Make(4096)) {
    SetLogSink([](std::string_view) {});
    connection_.minor = wire::kMinor;
    connection_.flags = wire::kSetXattrExt;
  }

  std::vector<SentReply> Run(const std::string& bytes) {
    FakeTransport transport;
    InFlight in_flight(transport);
    Dispatcher dispatcher(connection_, transport, in_flight, [this] { ++blocking_; });
    RequestSlot slot;
    dispatcher.Run(bytes, buffers_, slot);
    EXPECT_EQ(slot.unanswered.load(), 0u);
    EXPECT_EQ(slot.executing.load(), 0u);
    return transport.sent();
  }
  void ExpectError(const std::string& bytes, int error, uint64_t unique) {
    const auto sent = Run(bytes);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].header.error, -error);
    EXPECT_EQ(sent[0].header.unique, unique);
    EXPECT_EQ(sent[0].header.len, sizeof(wire::OutHeader));
    EXPECT_TRUE(sent[0].body.empty());
  }

  Connection connection_;
  ReaderBuffers buffers_;
  int blocking_ = 0;
};

TEST_F(DispatcherTest, MalformedRequestsAreAnswered) {
  ExpectError(RequestOf(wire::kLookup, 10, ""), EINVAL, 10);     // no name at all
  ExpectError(RequestOf(wire::kLookup, 12, "abc"), EINVAL, 12);  // a name without end
  ExpectError(RequestOf(wire::kRead, 14, std::string(39, 'x')), EINVAL, 14);
  ExpectError(RequestOf(wire::kGetAttr, 16, std::string(16, '\0')) + "tail", EINVAL, 16);  // wrong length
  ExpectError(RequestOf(wire::kLookup, 18, std::string("..\0", 3)), EINVAL, 18);
}

TEST_F(DispatcherTest, BytesWithoutHeaderAndMalformedForgetsGetNoReply) {
  EXPECT_TRUE(Run("").empty());
  EXPECT_TRUE(Run(RequestOf(wire::kLookup, 10, "").substr(0, 39)).empty());
  EXPECT_TRUE(Run(RequestOf(wire::kForget, 12, "1234")).empty());
  EXPECT_TRUE(Run(RequestOf(wire::kBatchForget, 14, std::string("\5\0\0\0\0\0\0\0", 8))).empty());
}

TEST_F(DispatcherTest, WhatIsNotServedIsENOSYS) {
  ExpectError(RequestOf(wire::kFlush, 10, std::string(24, '\0')), ENOSYS, 10);
  ExpectError(RequestOf(wire::kSetLk, 12, std::string(48, '\0')), ENOSYS, 12);  // F19
  ExpectError(RequestOf(7, 14, ""), ENOSYS, 14);
  ExpectError(RequestOf(0xffffffff, 16, "anything"), ENOSYS, 16);
}

// A layer's own daemon that has died must not look like this mount's, nor switch an operation off.
TEST_F(DispatcherTest, ErrnosOfLayersThatMeanSomethingElseToTheClient) {
  EXPECT_EQ(ReplyErrno(Errno(ENOTCONN)), EIO);
  EXPECT_EQ(ReplyErrno(Errno(ECONNABORTED)), EIO);
  EXPECT_EQ(ReplyErrno(Errno(ENOSYS)), EOPNOTSUPP);
  EXPECT_EQ(ReplyErrno(Errno(ESTALE)), ESTALE);
  EXPECT_EQ(ReplyErrno(OkStatus()), 0);
}

TEST_F(DispatcherTest, OperationsYoungerThanTheAgreedProtocolAreENOSYS) {
  connection_.minor = 38;
  ExpectError(RequestOf(wire::kStatx, 10, std::string(24, '\0')), ENOSYS, 10);
  ExpectError(RequestOf(wire::kCopyFileRange64, 12, std::string(56, '\0')), ENOSYS, 12);
}

TEST_F(DispatcherTest, AnUnknownInterruptIsAskedForAgain) {
  const uint64_t victim = 20;
  ExpectError(RequestOf(wire::kInterrupt, 21, std::string(reinterpret_cast<const char*>(&victim), 8)), EAGAIN,
              21);
}

TEST_F(DispatcherTest, ResentRequestsKeepTheirUnique) {
  const uint64_t unique = (uint64_t{1} << 63) | 30;
  const auto sent = Run(RequestOf(wire::kDestroy, unique, ""));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].header.unique, unique);
  EXPECT_EQ(sent[0].header.error, 0);
}

TEST_F(DispatcherTest, AReaderIsMadeSureOfBeforeWhatMayBlock) {
  Run(RequestOf(wire::kDestroy, 10, ""));
  EXPECT_EQ(blocking_, 0);
  Run(RequestOf(wire::kLookup, 12, "abc"));
  EXPECT_EQ(blocking_, 1);
}

// Arbitrary bodies that cannot decode (no NUL, lengths beyond the end) for every opcode: one reply at most,
// never the engine, never a crash.
TEST_F(DispatcherTest, GarbageIsAnsweredOnceAndHarmsNothing) {
  std::mt19937 random(20260101);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = RequestOf(static_cast<uint32_t>(random() % 60), round + 1, "");
    const size_t keep = random() % 48;
    for (size_t i = 0; i < keep; ++i) bytes += static_cast<char>(1 + random() % 255);
    // The header lies about its length: nothing may be executed.
    const auto length = static_cast<uint32_t>(bytes.size() + 1 + random() % 100);
    std::memcpy(bytes.data(), &length, sizeof length);
    bytes.resize(random() % 2 != 0 ? bytes.size() : random() % bytes.size());
    EXPECT_LE(Run(bytes).size(), 1u);
  }
}

}  // namespace
}  // namespace plyfs::fuse
