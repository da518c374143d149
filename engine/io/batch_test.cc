#include "engine/io/batch.h"

#include <dirent.h>
#include <linux/limits.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "engine/io/fault.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_stat.h"
#include "engine/io/temp_dir_for_test.h"

namespace plyfs {
namespace {

enum class Backend { kBlocking, kUring, kForbidden, kCold };

size_t OpenDescriptors() {
  UniqueFd dir(::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  sys::DirReader reader(dir.get());
  size_t count = 0;
  while (*reader.Next() != nullptr) ++count;
  return count;
}

// The same cases for every way a batch can go.
class BatchTest : public ::testing::TestWithParam<std::tuple<const char*, Backend>> {
 protected:
  BatchTest()
      : dir_(std::get<0>(GetParam())),
        pace_(backend() == Backend::kUring || backend() == Backend::kForbidden) {
    if (backend() == Backend::kCold) pace_.NoteCold();
  }
  static Backend backend() { return std::get<1>(GetParam()); }

  // `count` layers; those divisible by `every` hold "d/f" with the layer's number in it.
  void MakeLayers(size_t count, size_t every) {
    for (size_t i = 0; i < count; ++i) {
      std::string name = "layer" + std::to_string(i);
      ASSERT_TRUE(sys::MkdirAt(dir_.fd(), name.c_str(), 0755).ok());
      roots_.push_back(dir_.Open(name, O_PATH | O_DIRECTORY));
      if (i % every == 0) {
        ASSERT_TRUE(sys::MkdirAt(roots_[i].get(), "d", 0755).ok());
        dir_.Write(name + "/d/f", std::to_string(i));
        dir_.Write(name + "/top", "");
      }
      probes_.push_back({static_cast<uint32_t>(i + 1000), roots_[i].get(), "d/f", &pace_});
    }
  }
  RingPool* Rings() { return backend() == Backend::kBlocking ? nullptr : &rings_; }
  void ExpectBackend(const ProbeBatch& batch) {
    EXPECT_EQ(batch.launched(), backend() == Backend::kUring || backend() == Backend::kCold);
  }

  TempDir dir_;
  FsPace pace_;
  RingPool rings_{backend() != Backend::kForbidden};
  std::vector<UniqueFd> roots_;
  std::vector<Probe> probes_;
};

INSTANTIATE_TEST_SUITE_P(Each, BatchTest,
                         ::testing::Combine(::testing::Values("/tmp", "/dev/shm"),
                                            ::testing::Values(Backend::kBlocking, Backend::kUring,
                                                              Backend::kForbidden, Backend::kCold)));

TEST_P(BatchTest, PathsMayBeLongerThanOneCallTakes) {
  MakeLayers(12, 3);
  std::string path = "d/";
  while (path.size() < 2 * PATH_MAX) path += "./";
  path += "f";
  for (Probe& probe : probes_) probe.path = path.c_str();
  ProbeBatch batch(probes_, ProbeQuestion{.open = true, .open_flags = O_PATH, .stat = true}, Rings());
  ProbeOutcome outcome;
  for (size_t i = 0; i < probes_.size(); ++i) {
    ASSERT_TRUE(batch.Next(&outcome));
    EXPECT_EQ(outcome.error, i % 3 == 0 ? 0 : ENOENT);
    EXPECT_EQ(outcome.fd.valid(), i % 3 == 0);
  }
  ExpectBackend(batch);
}

TEST_P(BatchTest, OutcomesComeInOrderWithTheCallersNumbers) {
  MakeLayers(60, 7);
  size_t before = OpenDescriptors();
  {
    ProbeBatch batch(probes_, {.open = true, .open_flags = O_PATH, .stat = true}, Rings());
    ProbeOutcome outcome;
    for (size_t i = 0; i < probes_.size(); ++i) {
      ASSERT_TRUE(batch.Next(&outcome));
      EXPECT_EQ(outcome.index, i + 1000);
      EXPECT_EQ(outcome.error, i % 7 == 0 ? 0 : ENOENT) << i;
      EXPECT_EQ(outcome.fd.valid(), i % 7 == 0);
      if (outcome.error == 0) {
        EXPECT_EQ(outcome.st.stx_size, std::to_string(i).size());
        EXPECT_EQ(outcome.st.stx_ino, sys::StatxFd(outcome.fd.get())->stx_ino);
      }
    }
    EXPECT_FALSE(batch.Next(&outcome));
    ExpectBackend(batch);
  }
  EXPECT_EQ(OpenDescriptors() - (backend() == Backend::kUring || backend() == Backend::kCold ? 1 : 0),
            before);
}

TEST_P(BatchTest, StoppingEarlyLeavesNoDescriptorBehind) {
  MakeLayers(200, 1);
  size_t before = OpenDescriptors();
  for (int round = 0; round < 20; ++round) {
    if (backend() == Backend::kCold) pace_.NoteCold();
    ProbeBatch batch(probes_, {}, Rings());
    ProbeOutcome outcome;
    ASSERT_TRUE(batch.Next(&outcome));
    EXPECT_TRUE(outcome.fd.valid());
  }
  // What was in flight is settled when its ring is lent again, or at the latest by the pool's end.
  size_t rings = 0;
  for (int tries = 0; tries < 1000; ++tries) {
    std::vector<RingLease> leases;
    for (rings = 0; rings < 8; ++rings) leases.push_back(rings_.Checkout());
    if (backend() == Backend::kBlocking || backend() == Backend::kForbidden || leases.back()) break;
    ::usleep(1000);
  }
  size_t held = backend() == Backend::kForbidden ? 0 : 8;
  EXPECT_EQ(OpenDescriptors(), before + held);
}

TEST_P(BatchTest, StatByNameOpensNothing) {
  MakeLayers(40, 3);
  for (Probe& probe : probes_) probe.path = "top";
  ProbeBatch batch(probes_, {.open = false, .stat = true}, Rings());
  ProbeOutcome outcome;
  for (size_t i = 0; batch.Next(&outcome); ++i) {
    EXPECT_EQ(outcome.error, i % 3 == 0 ? 0 : ENOENT);
    EXPECT_FALSE(outcome.fd.valid());
    if (outcome.error == 0) {
      EXPECT_TRUE(S_ISREG(outcome.st.stx_mode));
    }
  }
  ExpectBackend(batch);
}

TEST_P(BatchTest, MoreThanARingHolds) {
  MakeLayers(20, 2);
  std::vector<Probe> many;
  for (size_t i = 0; i < 3000; ++i) many.push_back(probes_[i % probes_.size()]);
  ProbeBatch batch(many, {.open = true, .open_flags = O_RDONLY, .stat = true}, Rings());
  ProbeOutcome outcome;
  size_t seen = 0, found = 0;
  for (; batch.Next(&outcome); ++seen) found += outcome.error == 0;
  EXPECT_EQ(seen, 3000u);
  EXPECT_EQ(found, 1500u);
}

TEST_P(BatchTest, SymlinksAndWaysOutAreRefusedAlike) {
  MakeLayers(4, 1);
  ASSERT_TRUE(sys::SymlinkAt("d", roots_[0].get(), "way").ok());
  ASSERT_TRUE(sys::SymlinkAt("d", roots_[1].get(), "f").ok());
  probes_[0].path = "way/f";
  probes_[1].path = "f";
  probes_[2].path = "../layer0";
  probes_[3].path = "d/f/under";
  ProbeBatch batch(probes_, {.open = true, .open_flags = O_PATH, .stat = true}, Rings());
  ProbeOutcome outcome;
  ASSERT_TRUE(batch.Next(&outcome));
  EXPECT_EQ(outcome.error, ELOOP);
  ASSERT_TRUE(batch.Next(&outcome));
  EXPECT_EQ(outcome.error, 0);
  EXPECT_TRUE(S_ISLNK(outcome.st.stx_mode));
  ASSERT_TRUE(batch.Next(&outcome));
  EXPECT_EQ(outcome.error, EXDEV);
  ASSERT_TRUE(batch.Next(&outcome));
  EXPECT_EQ(outcome.error, ENOTDIR);
}

TEST_P(BatchTest, InjectedFaultIsTheOutcomeOfItsProbe) {
  MakeLayers(10, 1);
  auto plan = FaultPlan::Parse("open@3=EIO");
  ScopedFaults faults(plan->get());
  ProbeBatch batch(probes_, {}, Rings());
  ProbeOutcome outcome;
  for (size_t i = 0; batch.Next(&outcome); ++i) {
    EXPECT_EQ(outcome.error, i == 2 ? EIO : 0) << i;
    EXPECT_EQ(outcome.fd.valid(), i != 2);
  }
}

TEST_P(BatchTest, InjectedFaultIsTheOutcomeOfItsStat) {
  MakeLayers(10, 1);
  for (Probe& probe : probes_) probe.path = "top";
  auto plan = FaultPlan::Parse("statx@3=EIO");
  ScopedFaults faults(plan->get());
  ProbeBatch batch(probes_, {.open = false, .stat = true}, Rings());
  ProbeOutcome outcome;
  for (size_t i = 0; batch.Next(&outcome); ++i) EXPECT_EQ(outcome.error, i == 2 ? EIO : 0) << i;
}

TEST_P(BatchTest, ARingThatBreaksLosesNoOutcome) {
  MakeLayers(20, 2);
  std::vector<Probe> many;
  for (size_t i = 0; i < 3000; ++i) many.push_back(probes_[i % probes_.size()]);
  for (const char* text : {"io_uring_submit=ENOMEM", "io_uring_submit@3+=EIO", "io_uring_submit=EAGAIN"}) {
    auto plan = FaultPlan::Parse(text);
    ScopedFaults faults(plan->get());
    if (backend() == Backend::kCold) pace_.NoteCold();
    ProbeBatch batch(many, {.open = true, .open_flags = O_PATH, .stat = true}, Rings());
    ProbeOutcome outcome;
    size_t found = 0;
    for (size_t i = 0; batch.Next(&outcome); ++i) {
      ASSERT_EQ(outcome.error, i % 2 == 0 ? 0 : ENOENT) << i;
      found += outcome.fd.valid();
    }
    EXPECT_EQ(found, 1500u);
  }
}

TEST_P(BatchTest, MoreThanThereAreDescriptors) {
  MakeLayers(100, 1);
  struct rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const auto free = static_cast<rlim_t>(dir_.Open(".", O_PATH).get());
  const struct rlimit few = {free + 30, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  {
    ProbeBatch batch(probes_, ProbeQuestion{true, O_PATH, true}, Rings());
    ProbeOutcome outcome;
    size_t opened = 0;
    while (batch.Next(&outcome))
      opened += outcome.error == 0 && outcome.fd.valid() && outcome.st.stx_size > 0;
    EXPECT_EQ(opened, probes_.size());
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_P(BatchTest, AnEmptyBatchHasNoOutcome) {
  ProbeBatch batch({}, {}, Rings());
  ProbeOutcome outcome;
  EXPECT_FALSE(batch.Next(&outcome));
}

TEST(FsPaceTest, ColdnessDecays) {
  FsPace pace;
  EXPECT_FALSE(pace.cold());
  pace.NoteCold();
  int batches = 0;
  for (; pace.cold(); ++batches) pace.Decay();
  EXPECT_GT(batches, 1);
}

TEST(RingPoolTest, ForbiddenIoUringIsNoError) {
  auto plan = FaultPlan::Parse("io_uring_setup@1=EPERM");
  RingPool rings;
  {
    ScopedFaults faults(plan->get());
    EXPECT_FALSE(rings.Checkout());
  }
  // Asked once: the answer does not change.
  EXPECT_FALSE(rings.Checkout());
}

TEST(RingPoolTest, WantOfMemoryPassesButWhatTheKernelLacksDoesNot) {
  if (!RingPool().Checkout()) GTEST_SKIP() << "no io_uring here";
  for (const char* error : {"ENOMEM", "EMFILE", "ENOSYS"}) {
    RingPool rings;
    {
      auto plan = FaultPlan::Parse("io_uring_setup@1=" + std::string(error));
      ScopedFaults faults(plan->get());
      EXPECT_FALSE(rings.Checkout());
    }
    EXPECT_EQ(static_cast<bool>(rings.Checkout()), error != std::string("ENOSYS")) << error;
  }
}

TEST(RingPoolTest, RingsAreBoundedAndUsedAgain) {
  RingPool rings;
  std::vector<RingLease> leases;
  for (RingLease lease = rings.Checkout(); lease; lease = rings.Checkout())
    leases.push_back(std::move(lease));
  if (leases.empty()) GTEST_SKIP() << "no io_uring here";
  EXPECT_LE(leases.size(), 64u);
  Ring* last = &*leases.back();
  leases.pop_back();
  RingLease again = rings.Checkout();
  ASSERT_TRUE(again);
  EXPECT_EQ(&*again, last);
}

}  // namespace
}  // namespace plyfs
