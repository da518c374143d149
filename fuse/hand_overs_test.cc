// Counting the requests that change threads.
#include "fuse/hand_overs.h"

#include <gtest/gtest.h>

#include <thread>

#include "fuse/wire.h"

namespace plyfs::fuse {
namespace {

template <typename Header>
std::span<const char> BytesOf(const Header& header) {
  return {reinterpret_cast<const char*>(&header), sizeof header};
}

TEST(HandOvers, CountsWhatAnotherThreadAnswers) {
  HandOvers counter;
  wire::InHeader request{};
  wire::OutHeader reply{};
  request.unique = reply.unique = 7;
  counter.Read(BytesOf(request));
  counter.Answered(BytesOf(reply));
  EXPECT_EQ(counter.answered(), 1u);
  EXPECT_EQ(counter.by_another(), 0u);
  std::thread([&] { counter.Answered(BytesOf(reply)); }).join();
  EXPECT_EQ(counter.answered(), 2u);
  EXPECT_EQ(counter.by_another(), 1u);
  reply.unique = 0;  // a notification
  std::thread([&] { counter.Answered(BytesOf(reply)); }).join();
  EXPECT_EQ(counter.answered(), 2u);
}

}  // namespace
}  // namespace plyfs::fuse
