#include "engine/io/copy.h"

#include <sys/stat.h>

#include <random>
#include <string>

#include "engine/io/fault.h"
#include "engine/io/sys_file.h"
#include "engine/io/sys_stat.h"
#include "engine/io/temp_dir_for_test.h"

namespace plyfs {
namespace {

enum class Means { kAll, kRing, kPlain };

std::string Noise(size_t size, unsigned seed) {
  std::string data(size, '\0');
  std::minstd_rand random(seed);
  for (char& c : data) c = static_cast<char>(random() >> 8);
  return data;
}

class CopyTest : public ::testing::TestWithParam<std::tuple<const char*, const char*, Means>> {
 protected:
  CopyTest() : from_dir_(std::get<0>(GetParam())), to_dir_(std::get<1>(GetParam())) {
    Means means = std::get<2>(GetParam());
    options_.clone = options_.copy_file_range = means == Means::kAll;
    options_.rings = means == Means::kRing ? &rings_ : nullptr;
    from_ = from_dir_.Write("from", "");
    to_ = to_dir_.Write("to", "");
  }
  void Put(const std::string& data, uint64_t offset) {
    ASSERT_EQ(*sys::Pwrite(from_.get(), data.data(), data.size(), offset), data.size());
  }
  static std::string All(int fd) {
    std::string data(sys::StatxFd(fd)->stx_size, '\0');
    data.resize(*sys::Pread(fd, data.data(), data.size(), 0));
    return data;
  }

  TempDir from_dir_, to_dir_;
  UniqueFd from_, to_;
  RingPool rings_;
  CopyOptions options_;
};

INSTANTIATE_TEST_SUITE_P(Each, CopyTest,
                         ::testing::Combine(::testing::Values("/tmp", "/dev/shm"),
                                            ::testing::Values("/tmp", "/dev/shm"),
                                            ::testing::Values(Means::kAll, Means::kRing, Means::kPlain)));

TEST_P(CopyTest, WholeFilesOfAllSizes) {
  for (size_t size : {0, 1, 4095, 4096, 300 << 10, (3 << 20) + 17}) {
    ASSERT_TRUE(sys::Ftruncate(from_.get(), 0).ok() && sys::Ftruncate(to_.get(), 0).ok());
    Put(Noise(size, 1), 0);
    auto copied = CopyData(from_.get(), to_.get(), size, options_);
    ASSERT_TRUE(copied.ok());
    EXPECT_EQ(*copied, size);
    EXPECT_TRUE(All(to_.get()) == All(from_.get())) << size;
  }
}

TEST_P(CopyTest, HolesStayHoles) {
  constexpr uint64_t kSize = 50 << 20;
  Put(Noise(5000, 2), 0);
  Put(Noise(2 << 20, 3), 10 << 20);
  Put(Noise(3, 4), 40 << 20);
  ASSERT_TRUE(sys::Ftruncate(from_.get(), kSize).ok());
  EXPECT_EQ(*CopyData(from_.get(), to_.get(), kSize, options_), kSize);
  EXPECT_TRUE(All(to_.get()) == All(from_.get()));
  ASSERT_TRUE(sys::Fsync(to_.get()).ok());
  EXPECT_LE(sys::StatxFd(to_.get())->stx_blocks * 512, uint64_t{3} << 20);
  EXPECT_EQ(*sys::Lseek(to_.get(), 20 << 20, SEEK_DATA), 40u << 20);
}

TEST_P(CopyTest, NothingButAHole) {
  ASSERT_TRUE(sys::Ftruncate(from_.get(), 1 << 30).ok());
  EXPECT_EQ(*CopyData(from_.get(), to_.get(), 1 << 30, options_), 1u << 30);
  EXPECT_EQ(sys::StatxFd(to_.get())->stx_size, 1u << 30);
  EXPECT_EQ(sys::StatxFd(to_.get())->stx_blocks, 0u);
}

TEST_P(CopyTest, AShorterSourceIsAShortCopy) {
  options_.clone = false;
  for (size_t size : {1000, 2 << 20, 5 << 20}) {
    ASSERT_TRUE(sys::Ftruncate(from_.get(), 0).ok() && sys::Ftruncate(to_.get(), 0).ok());
    Put(Noise(size, 5), 0);
    EXPECT_EQ(*CopyData(from_.get(), to_.get(), size + (4 << 20), options_), size);
    EXPECT_TRUE(All(to_.get()) == All(from_.get()));
  }
}

TEST_P(CopyTest, ASourceCutWhileCopyingIsAShortCopy) {
  options_.clone = false;
  Put(Noise(20 << 20, 6), 0);
  int asked = 0;
  options_.cancelled = [&] {
    if (++asked == 3) {
      EXPECT_TRUE(sys::Ftruncate(from_.get(), 9 << 20).ok());
    }
    return false;
  };
  auto copied = CopyData(from_.get(), to_.get(), 20 << 20, options_);
  ASSERT_TRUE(copied.ok());
  // One call may have gone beyond the cut before it came.
  EXPECT_GE(*copied, 9u << 20);
  EXPECT_LT(*copied, 20u << 20);
  EXPECT_EQ(sys::StatxFd(to_.get())->stx_size, *copied);
  EXPECT_TRUE(All(to_.get()).substr(0, 8 << 20) == All(from_.get()).substr(0, 8 << 20));
}

TEST_P(CopyTest, OnlyTheFirstBytesOfALongerSource) {
  options_.clone = false;
  std::string data = Noise(6 << 20, 7);
  Put(data, 0);
  constexpr size_t kPart = (2 << 20) + 5;
  EXPECT_EQ(*CopyData(from_.get(), to_.get(), kPart, options_), kPart);
  EXPECT_TRUE(All(to_.get()) == data.substr(0, kPart));
}

TEST_P(CopyTest, CancelledIsEintr) {
  options_.clone = false;
  Put(Noise(20 << 20, 8), 0);
  int asked = 0;
  options_.cancelled = [&] { return ++asked == 3; };
  EXPECT_EQ(CopyData(from_.get(), to_.get(), 20 << 20, options_).error(), EINTR);
  EXPECT_EQ(asked, 3);
}

TEST_P(CopyTest, AFullDiskIsItsErrno) {
  options_.clone = false;
  Put(Noise(3 << 20, 9), 0);
  auto plan = FaultPlan::Parse("write@2=ENOSPC,copy_file_range=ENOSPC");
  ScopedFaults faults(plan->get());
  EXPECT_EQ(CopyData(from_.get(), to_.get(), 3 << 20, options_).error(), ENOSPC);
}

TEST_P(CopyTest, ADiskThatTakesNothingIsFull) {
  UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full.valid());
  Put(Noise(3 << 20, 14), 0);
  EXPECT_EQ(CopyData(from_.get(), full.get(), 3 << 20, options_).error(), ENOSPC);
}

TEST_P(CopyTest, MeansThatAreMissingAreMadeUpFor) {
  Put(Noise(3 << 20, 10), 0);
  auto plan = FaultPlan::Parse("clone=EOPNOTSUPP,copy_file_range=EXDEV,seek=EINVAL,io_uring_setup=EPERM");
  ScopedFaults faults(plan->get());
  EXPECT_EQ(*CopyData(from_.get(), to_.get(), 3 << 20, options_), 3u << 20);
  EXPECT_TRUE(All(to_.get()) == All(from_.get()));
}

TEST_P(CopyTest, WhatMeansThatSomethingIsMissingIsNoFailure) {
  Put(Noise(100 << 10, 15), 0);
  for (const char* error :
       {"EXDEV", "EINVAL", "EOPNOTSUPP", "ENOSYS", "ENOTTY", "EPERM", "EACCES", "ETXTBSY", "EIO"}) {
    ASSERT_TRUE(sys::Ftruncate(to_.get(), 0).ok());
    const std::string said = error;
    auto plan = FaultPlan::Parse("clone=" + said + ",copy_file_range=" + said + ",seek=" + said);
    ScopedFaults faults(plan->get());
    auto copied = CopyData(from_.get(), to_.get(), 100 << 10, options_);
    EXPECT_EQ(copied.error(), said == "EIO" ? EIO : 0) << error;
    EXPECT_TRUE(!copied.ok() || All(to_.get()) == All(from_.get())) << error;
  }
}

TEST_P(CopyTest, AHoleThatCannotBeMadeIsItsErrno) {
  options_.clone = false;
  ASSERT_TRUE(sys::Ftruncate(from_.get(), 1 << 20).ok());
  for (const char* text : {"truncate=ENOSPC", "statx=ENOSPC", "seek=ENOSPC"}) {
    auto plan = FaultPlan::Parse(text);
    ScopedFaults faults(plan->get());
    EXPECT_EQ(CopyData(from_.get(), to_.get(), 1 << 20, options_).error(), ENOSPC) << text;
  }
}

TEST_P(CopyTest, CancelledBeforeItBeginsIsEintr) {
  options_.clone = false;
  Put("text", 0);
  options_.cancelled = [] { return true; };
  EXPECT_EQ(CopyData(from_.get(), to_.get(), 4, options_).error(), EINTR);
  EXPECT_EQ(All(to_.get()), "");
}

TEST_P(CopyTest, ARingThatBreaksIsMadeUpFor) {
  Put(Noise(3 << 20, 12), 0);
  auto plan = FaultPlan::Parse("io_uring_submit@3+=ENOMEM");
  ScopedFaults faults(plan->get());
  EXPECT_EQ(*CopyData(from_.get(), to_.get(), 3 << 20, options_), 3u << 20);
  EXPECT_TRUE(All(to_.get()) == All(from_.get()));
}

TEST_P(CopyTest, CallsThatMoveLessLoseNothing) {
  options_.clone = false;
  Put(Noise(3 << 20, 13), 0);
  {
    auto plan = FaultPlan::Parse("read=short,write=short,copy_file_range@2=short");
    ScopedFaults faults(plan->get());
    EXPECT_EQ(*CopyData(from_.get(), to_.get(), 3 << 20, options_), 3u << 20);
  }
  EXPECT_TRUE(All(to_.get()) == All(from_.get()));
}

TEST_P(CopyTest, BrokenSourceIsItsErrno) {
  options_.clone = options_.copy_file_range = false;
  Put(Noise(3 << 20, 11), 0);
  auto plan = FaultPlan::Parse("read@3=EIO");
  ScopedFaults faults(plan->get());
  EXPECT_EQ(CopyData(from_.get(), to_.get(), 3 << 20, options_).error(), EIO);
}

}  // namespace
}  // namespace plyfs
