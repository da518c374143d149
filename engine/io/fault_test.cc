#include "engine/io/fault.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace plyfs {
namespace {

std::unique_ptr<FaultPlan> Plan(std::string_view text) {
  auto plan = FaultPlan::Parse(text);
  EXPECT_TRUE(plan.ok()) << text;
  return *std::move(plan);
}

TEST(FaultTest, NthOnwardAndAlways) {
  auto plan = Plan("rename@2=ENOSPC,open@2+=EIO,statx=EACCES");
  EXPECT_EQ(plan->Before(Op::kRename), 0);
  EXPECT_EQ(plan->Before(Op::kRename), ENOSPC);
  EXPECT_EQ(plan->Before(Op::kRename), 0);
  EXPECT_EQ(plan->Before(Op::kOpen), 0);
  EXPECT_EQ(plan->Before(Op::kOpen), EIO);
  EXPECT_EQ(plan->Before(Op::kOpen), EIO);
  EXPECT_EQ(plan->Before(Op::kStatx), EACCES);
  EXPECT_EQ(plan->Before(Op::kLink), 0);
}

TEST(FaultTest, AnyCountsAllAndChangeOnlyChanges) {
  auto any = Plan("any@3=EIO");
  EXPECT_EQ(any->Before(Op::kOpen), 0);
  EXPECT_EQ(any->Before(Op::kStatx), 0);
  EXPECT_EQ(any->Before(Op::kMkdir), EIO);

  auto change = Plan("change@2=EROFS");
  EXPECT_EQ(change->Before(Op::kMkdir), 0);
  EXPECT_EQ(change->Before(Op::kStatx), 0);
  EXPECT_EQ(change->Before(Op::kUnlink), EROFS);
  EXPECT_EQ(change->Before(Op::kUnlink), 0);
  EXPECT_EQ(change->changes(), 3u);
}

TEST(FaultTest, DeadChangesNothingAnyMoreButReads) {
  auto plan = Plan("change@2=dead");
  EXPECT_EQ(plan->Before(Op::kMkdir), 0);
  EXPECT_EQ(plan->Before(Op::kRename), EIO);
  EXPECT_EQ(plan->Before(Op::kUnlink), EIO);
  EXPECT_EQ(plan->Before(Op::kStatx), 0);
}

TEST(FaultTest, KillEndsTheProcessBeforeTheStep) {
  pid_t child = ::fork();
  if (child == 0) {
    auto plan = Plan("mkdir@1=kill");
    (void)plan->Before(Op::kMkdir);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(FaultTest, Linux61LacksTheYoungerCallsOnly) {
  auto plan = Plan("linux6.1");
  EXPECT_EQ(plan->Before(Op::kFchmodat2), ENOSYS);
  EXPECT_EQ(plan->Before(Op::kGetFsUuid), ENOTTY);
  EXPECT_EQ(plan->Before(Op::kOpen), 0);
  EXPECT_EQ(plan->Before(Op::kChmod), 0);
}

// Asks while EINTR is the answer, and is never told to move less where nothing is moved.
TEST(FaultTest, EintrIsCalledAgainAndShortIsForDataOnly) {
  auto plan = Plan("open@1=EINTR,open@2=EIO,any@3=short,read@2=short,write@1=EINTR");
  ScopedFaults faults(plan.get());
  EXPECT_EQ(FaultAt(Op::kOpen), EIO);
  EXPECT_EQ(FaultAt(Op::kStatx), 0);
  EXPECT_EQ(FaultAt(Op::kRead), 0);
  EXPECT_EQ(FaultAt(Op::kRead), kFaultShort);
  EXPECT_EQ(FaultAt(Op::kWrite), 0);
}

TEST(FaultTest, LogTellsOfEachChange) {
  auto plan = Plan("change=log");
  ::testing::internal::CaptureStderr();
  plan->After(Op::kRename, 0);
  plan->After(Op::kStatx, 0);
  plan->After(Op::kClone, EOPNOTSUPP);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "plyfs: call rename made\nplyfs: call clone EOPNOTSUPP\n");
}

TEST(FaultTest, WhatIsNoPlanIsRefused) {
  for (const char* text : {"rename", "rename=", "rename=EFOO", "nosuch=EIO", "rename@=EIO", "rename@0=EIO",
                           "rename@x=EIO", "rename@1x=EIO", "=EIO", "rename=EIO,,open=EIO"}) {
    EXPECT_EQ(FaultPlan::Parse(text).error(), EINVAL) << text;
  }
  EXPECT_TRUE(FaultPlan::Parse("").ok());
}

TEST(FaultTest, HookIsTheThreadsAndEndsWithTheScope) {
  auto outer = Plan("open=EIO");
  auto inner = Plan("open=ENOMEM");
  ScopedFaults faults(outer.get());
  {
    ScopedFaults nested(inner.get());
    EXPECT_EQ(FaultAt(Op::kOpen), ENOMEM);
  }
  EXPECT_EQ(FaultAt(Op::kOpen), EIO);
  std::thread([] { EXPECT_EQ(FaultAt(Op::kOpen), 0); }).join();
}

#ifdef PLYFS_DEBUG
TEST(FaultTest, EnvironmentSetsThePlanOfTheProcess) {
  ::setenv("PLYFS_FAULT", "nonsense", 1);
  EXPECT_EQ(InstallFaultsFromEnvironment().error(), EINVAL);
  ::setenv("PLYFS_FAULT", "open_tree@1=EPERM", 1);
  ASSERT_TRUE(InstallFaultsFromEnvironment().ok());
  std::thread([] { EXPECT_EQ(FaultAt(Op::kOpenTree), EPERM); }).join();
  EXPECT_EQ(FaultAt(Op::kOpenTree), 0);
  delete fault_internal::process_hook.exchange(nullptr);
  ::unsetenv("PLYFS_FAULT");
}
#endif

}  // namespace
}  // namespace plyfs
