#include "engine/io/ring.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "engine/io/fault.h"
#include "engine/io/unique_fd.h"

namespace plyfs {
namespace {

// What an abandoned request has written to, and what came of it.
struct Fate {
  std::vector<int> results;
  bool freed = false;
};

class Waiting : public Ring::Orphan {
 public:
  explicit Waiting(Fate* fate) : fate_(fate) {}
  ~Waiting() override { fate_->freed = true; }
  void Settle(const Ring::Completion& completion) override { fate_->results.push_back(completion.result); }

  char byte = 0;

 private:
  Fate* fate_;
};

// A pipe that nobody has written to yet is the layer that hangs.
class RingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    from_.reset(ends[0]);
    to_.reset(ends[1]);
    lease_ = rings_.Checkout();
    if (!lease_) GTEST_SKIP() << "no io_uring here";
  }
  void StartRead(char* byte) {
    unsigned not_taken = 1;
    io_uring_prep_read(lease_->Prepare(7), from_.get(), byte, 1, 0);
    ASSERT_TRUE(lease_->Submit(&not_taken).ok());
    ASSERT_EQ(not_taken, 0u);
  }
  // A read is begun and left behind with its ring.
  Ring* AbandonRead() {
    auto waiting = std::make_unique<Waiting>(&fate_);
    StartRead(&waiting->byte);
    Ring* ring = &*lease_;
    lease_->Abandon(std::move(waiting));
    lease_ = {};
    return ring;
  }

  UniqueFd from_, to_;
  Fate fate_;
  RingPool rings_;
  RingLease lease_;
};

TEST_F(RingTest, WhatIsCancelledCompletes) {
  char byte = 0;
  StartRead(&byte);
  EXPECT_EQ(lease_->in_flight(), 1u);
  lease_->CancelAll();
  auto completion = lease_->Wait();
  ASSERT_TRUE(completion.ok());
  EXPECT_EQ(completion->id, 7u);
  EXPECT_EQ(completion->result, -ECANCELED);
  EXPECT_FALSE(lease_->broken());
}

TEST_F(RingTest, WhatPassesIsAskedAgainAndWhatDoesNotBreaksTheRing) {
  struct Case {
    const char* plan;
    int error;
  };
  for (const Case& c : {Case{"io_uring_submit@1=EAGAIN", 0}, Case{"io_uring_submit@1=EBUSY", 0},
                        Case{"io_uring_submit=EAGAIN", EAGAIN}, Case{"io_uring_submit@1=ENOMEM", ENOMEM}}) {
    SCOPED_TRACE(c.plan);
    RingLease ring = rings_.Checkout();
    ASSERT_TRUE(ring);
    (void)ring->Prepare(7);
    unsigned not_taken = 9;
    {
      auto plan = FaultPlan::Parse(c.plan);
      ScopedFaults faults(plan->get());
      EXPECT_EQ(ring->Submit(&not_taken).error(), c.error);
    }
    EXPECT_EQ(not_taken, c.error == 0 ? 0u : 1u);
    EXPECT_EQ(ring->broken(), c.error != 0);
    EXPECT_TRUE(c.error != 0 || ring->Wait()->id == 7u);
    EXPECT_EQ(ring->in_flight(), 0u);
    // Nothing is ever submitted to a ring that broke.
    EXPECT_EQ(ring->Submit(&not_taken).error(), c.error == 0 ? 0 : EIO);
  }
}

TEST_F(RingTest, ARingIsNotLentWhileSomethingIsInFlight) {
  Ring* busy = AbandonRead();
  {
    RingLease other = rings_.Checkout();
    ASSERT_TRUE(other);
    EXPECT_NE(&*other, busy);
  }
  EXPECT_FALSE(fate_.freed);
  ASSERT_EQ(::write(to_.get(), "x", 1), 1);
  // When the kernel says so is its own affair.
  while (!fate_.freed) {
    RingLease any = rings_.Checkout();
    ::usleep(1000);
  }
  EXPECT_EQ(fate_.results, std::vector<int>{1});
  RingLease first = rings_.Checkout(), second = rings_.Checkout();
  EXPECT_TRUE(&*first == busy || &*second == busy);
}

TEST_F(RingTest, TheEndOfThePoolSettlesWhatHasCome) {
  {
    RingPool ends;
    lease_ = ends.Checkout();
    ASSERT_TRUE(lease_);
    AbandonRead();
    ASSERT_EQ(::write(to_.get(), "x", 1), 1);
  }
  EXPECT_TRUE(fate_.freed);
  EXPECT_EQ(fate_.results, std::vector<int>{1});
}

}  // namespace
}  // namespace plyfs
