#include "engine/base/lock_order.h"

#include <gtest/gtest.h>

#include "engine/base/mutex.h"
#include "engine/base/tiny_mutex.h"

namespace plyfs {
namespace {

#ifdef PLYFS_DEBUG

// The order is broken where no deadlock comes of it: that is the point.
class LockOrderDeathTest : public ::testing::Test {
 protected:
  Mutex open_dir_{LockRank::kOpenDir};
  Mutex identities_{LockRank::kIdentities};
  Mutex merged_dir_{LockRank::kMergedDir};
  Mutex notifier_{LockRank::kNotifier};
  SharedMutex shared_{LockRank::kHandles};
  TinyMutex inode_;
};

TEST_F(LockOrderDeathTest, DownTheTableIsAllowed) {
  MutexLock a(open_dir_);
  MutexLock b(identities_);
  MutexLock c(merged_dir_);
  MutexLock d(notifier_);
}

TEST_F(LockOrderDeathTest, UpTheTableIsNot) {
  EXPECT_DEATH(
      {
        MutexLock a(identities_);
        MutexLock b(open_dir_);
      },
      "lock order");
}

TEST_F(LockOrderDeathTest, NothingIsTakenBeneathALeaf) {
  EXPECT_DEATH(
      {
        MutexLock a(merged_dir_);
        TinyLock b(inode_);
      },
      "lock order");
  EXPECT_DEATH(
      {
        ReaderLock a(shared_);
        TinyLock b(inode_);
      },
      "lock order");
}

TEST_F(LockOrderDeathTest, NoTwoOfOneRow) {
  Mutex other(LockRank::kOpenDir);
  EXPECT_DEATH(
      {
        MutexLock a(open_dir_);
        MutexLock b(other);
      },
      "lock order");
}

TEST_F(LockOrderDeathTest, WhoWaitsHoldsNothingElse) {
  CondVar changed;
  EXPECT_DEATH(
      {
        MutexLock a(open_dir_);
        MutexLock b(merged_dir_);
        (void)changed.WaitFor(merged_dir_, std::chrono::milliseconds(1));
      },
      "lock order");
  EXPECT_DEATH(
      {
        WriterLock a(shared_);
        lock_order::ExpectNone("a system call");
      },
      "lock order: a system call");
}

TEST_F(LockOrderDeathTest, WhoWaitsHoldsWhatItWaitsWith) {
  EXPECT_DEATH(lock_order::ExpectOnly(LockRank::kOpenDir), "waits with another lock held");
  EXPECT_DEATH(
      {
        MutexLock a(open_dir_);
        lock_order::ExpectOnly(LockRank::kIdentities);
      },
      "waits with another lock held");
}

TEST_F(LockOrderDeathTest, OnlyItsHolderGivesALockBack) {
  MutexLock a(open_dir_);
  EXPECT_DEATH(lock_order::Give(LockRank::kIdentities), "given back by who does not hold it");
}

TEST_F(LockOrderDeathTest, GivenBackInAnyOrder) {
  lock_order::Take(LockRank::kOpenDir);
  lock_order::Take(LockRank::kIdentities);
  lock_order::Give(LockRank::kOpenDir);
  lock_order::ExpectOnly(LockRank::kIdentities);
  lock_order::Give(LockRank::kIdentities);
  lock_order::ExpectNone("a system call");
}

TEST_F(LockOrderDeathTest, SoManyAtOnceAreAMistake) {
  EXPECT_DEATH(
      {
        for (LockRank rank : {LockRank::kOpenDir, LockRank::kPlaces, LockRank::kIdentities,
                              LockRank::kListingClock, LockRank::kSlots, LockRank::kInode,
                              LockRank::kIndexMemory, LockRank::kNotifier, LockRank::kTests}) {
          lock_order::Take(rank);
        }
      },
      "too many at once");
}

TEST_F(LockOrderDeathTest, WhatWasGivenBackIsForgotten) {
  {
    MutexLock a(merged_dir_);
  }
  {
    TinyLock a(inode_);
  }
  {
    WriterLock a(shared_);
  }
  lock_order::ExpectNone("a system call");
  MutexLock a(open_dir_);
  bool taken = identities_.TryLock();
  EXPECT_TRUE(taken);
  if (taken) identities_.Unlock();
}

#endif  // PLYFS_DEBUG

}  // namespace
}  // namespace plyfs
