#include "fuse/client_state.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "gtest/gtest.h"

namespace plyfs::fuse {
namespace {

std::string Status(std::string own, std::string shared, std::string blocked, std::string ignored,
                   std::string caught) {
  return "Name:\tx\nSigQ:\t0/1\nSigPnd:\t" + own + "\nShdPnd:\t" + shared + "\nSigBlk:\t" + blocked +
         "\nSigIgn:\t" + ignored + "\nSigCgt:\t" + caught + "\nCapInh:\t0\n";
}

constexpr char kNone[] = "0000000000000000";
constexpr char kKill[] = "0000000000000100";
constexpr char kQuit[] = "0000000000000004";
constexpr char kChild[] = "0000000000010000";

TEST(ClientState, OnlyWhatEndsTheProcessCounts) {
  EXPECT_FALSE(StatusShowsDying(Status(kNone, kNone, kNone, kNone, kNone)));
  EXPECT_TRUE(StatusShowsDying(Status(kKill, kNone, kNone, kNone, kNone)));
  EXPECT_TRUE(StatusShowsDying(Status(kNone, kKill, "ffffffffffffffff", kNone, kNone)));
  EXPECT_TRUE(StatusShowsDying(Status(kNone, kQuit, kNone, kNone, kNone)));
  EXPECT_FALSE(StatusShowsDying(Status(kNone, kQuit, kQuit, kNone, kNone)));
  EXPECT_FALSE(StatusShowsDying(Status(kNone, kQuit, kNone, kQuit, kNone)));
  EXPECT_FALSE(StatusShowsDying(Status(kNone, kQuit, kNone, kNone, kQuit)));
  EXPECT_FALSE(StatusShowsDying(Status(kChild, kChild, kNone, kNone, kNone)));
}

TEST(ClientState, TextThatIsNoStatusShowsNothing) {
  EXPECT_FALSE(StatusShowsDying(""));
  EXPECT_FALSE(StatusShowsDying("\nSigPnd:"));
  EXPECT_FALSE(StatusShowsDying("\nSigPnd:\tzz\n"));
}

TEST(ClientState, OwnThreadLivesAndAnUnknownOneIsNotKnownToDie) {
  EXPECT_FALSE(ClientIsDying(0));
  EXPECT_FALSE(ClientIsDying(0x7fffffff));
  EXPECT_FALSE(ClientIsDying(static_cast<uint32_t>(syscall(SYS_gettid))));
}

}  // namespace
}  // namespace plyfs::fuse
