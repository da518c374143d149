#include "fuse/init.h"

#include <string>

#include "gtest/gtest.h"

namespace plyfs::fuse {
namespace {

constexpr uint32_t kEverything = 0xffffffffu;

Result<InitResult> Negotiate(const wire::InitIn& in, const InitWishes& wishes = {}, size_t size = sizeof in) {
  const std::string body(reinterpret_cast<const char*>(&in), size);
  Message message{};
  message.header.opcode = wire::kInit;
  message.body = body;
  return NegotiateInit(message, wishes);
}

wire::InitIn Kernel(uint32_t minor, uint32_t flags = kEverything, uint32_t flags2 = kEverything) {
  wire::InitIn in{};
  in.major = 7;
  in.minor = minor;
  in.max_readahead = 131072;
  in.flags = flags;
  in.flags2 = flags2;
  return in;
}

TEST(Init, TakesWhatItWantsOfAKernelThatOffersEverything) {
  const auto result = Negotiate(Kernel(45));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->reply.minor, 45u);
  EXPECT_EQ(result->reply.max_write, 1u << 20);
  EXPECT_EQ(result->reply.max_pages, 256u);
  EXPECT_EQ(result->reply.time_gran, 1u);
  EXPECT_GE(result->reply.max_background, 64u);
  EXPECT_EQ(result->reply.max_readahead, 131072u);
  for (uint64_t flag : {wire::kParallelDirOps, wire::kHandleKillPrivV2, wire::kExplicitInvalData,
                        wire::kPosixAcl, wire::kDontMask, wire::kAtomicOTrunc, wire::kSetXattrExt,
                        wire::kCreateSuppGroup, wire::kHasExpireOnly, wire::kNoExportSupport}) {
    EXPECT_NE(result->flags & flag, 0u) << flag;
  }
}

TEST(Init, NeverAsksForWhatWouldHarm) {
  const auto result = Negotiate(Kernel(45));
  ASSERT_TRUE(result.ok());
  // POSIX_LOCKS, FLOCK_LOCKS, AUTO_INVAL_DATA, READDIRPLUS_AUTO, WRITEBACK, KILLPRIV
  for (int bit : {1, 10, 12, 14, 16, 19}) {
    EXPECT_EQ(result->reply.flags & (1u << bit), 0u) << bit;
  }
  for (int bit : {37, 40, 41, 42}) {  // PASSTHROUGH, ALLOW_IDMAP, OVER_IO_URING, REQUEST_TIMEOUT
    EXPECT_EQ(result->flags & (uint64_t{1} << bit), 0u) << bit;
  }
}

TEST(Init, AsksForNothingThatIsNotOffered) {
  const auto result = Negotiate(Kernel(45, wire::kAsyncRead | wire::kBigWrites, kEverything));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->flags, wire::kAsyncRead | wire::kBigWrites);
  EXPECT_EQ(result->reply.flags2, 0u);  // flags2 counts only with INIT_EXT
  EXPECT_EQ(result->max_write, 32u * 4096);
  EXPECT_EQ(result->reply.max_pages, 0u);
}

TEST(Init, WithoutAclTheKernelAppliesTheUmask) {  // F24
  InitWishes wishes;
  wishes.posix_acl = false;
  const auto result = Negotiate(Kernel(45), wishes);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->flags & (wire::kPosixAcl | wire::kDontMask), 0u);
}

TEST(Init, AnOlderMinorIsPlayedWhole) {
  InitWishes wishes;
  wishes.minor = 38;
  const auto result = Negotiate(Kernel(45), wishes);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->minor, 38u);
  EXPECT_EQ(result->reply.minor, 38u);
  EXPECT_NE(result->flags & wire::kHasExpireOnly, 0u);
  EXPECT_EQ(result->flags & (wire::kHasResend | wire::kNoExportSupport | wire::kDirectIoAllowMmap |
                             wire::kCreateSuppGroup),
            0u);
}

TEST(Init, AnOlderKernelThatOffersMoreIsBelieved) {
  const auto result = Negotiate(Kernel(38));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->minor, 38u);
  EXPECT_NE(result->flags & wire::kCreateSuppGroup, 0u);
}

TEST(Init, TheOlderOfBothMinorsIsSpoken) {
  EXPECT_EQ(Negotiate(Kernel(37))->minor, 37u);
  EXPECT_EQ(Negotiate(Kernel(99))->minor, 45u);
}

TEST(Init, ShortStructureOfOldKernels) {
  const auto result = Negotiate(Kernel(31, ~static_cast<uint32_t>(wire::kInitExt)), {}, wire::kInitInBase);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->reply.flags2, 0u);
}

TEST(Init, NewerMajorIsAskedToComeDown) {
  wire::InitIn in = Kernel(0);
  in.major = 8;
  const auto result = Negotiate(in);
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->settled);
  EXPECT_EQ(result->reply.major, 7u);
}

TEST(Init, WhatCannotBeServedIsRefused) {
  EXPECT_EQ(Negotiate(Kernel(30)).error(), EPROTO);
  wire::InitIn old = Kernel(45);
  old.major = 6;
  EXPECT_EQ(Negotiate(old).error(), EPROTO);
  EXPECT_EQ(Negotiate(Kernel(45), {}, 15).error(), EPROTO);
  Message message{};
  message.header.opcode = wire::kLookup;
  const std::string body(64, '\0');
  message.body = body;
  EXPECT_EQ(NegotiateInit(message, {}).error(), EPROTO);
}

TEST(Init, MaxWriteIsWholePagesWithinBounds) {
  InitWishes wishes;
  wishes.max_write = 5000;
  EXPECT_EQ(Negotiate(Kernel(45), wishes)->max_write, 4096u);
  wishes.max_write = 1;
  EXPECT_EQ(Negotiate(Kernel(45), wishes)->max_write, 4096u);
  wishes.max_write = 1u << 30;
  EXPECT_EQ(Negotiate(Kernel(45), wishes)->max_write, 1u << 20);
}

}  // namespace
}  // namespace plyfs::fuse
