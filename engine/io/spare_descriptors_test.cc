#include "engine/io/spare_descriptors.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <thread>
#include <vector>

#include "engine/io/proc_file.h"
#include "engine/io/sys_open.h"

namespace plyfs {
namespace {

class SpareDescriptorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const struct rlimit few = {64, before_.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  }
  void TearDown() override { ::setrlimit(RLIMIT_NOFILE, &before_); }

  // All that there are.
  static std::vector<UniqueFd> TakeAll() {
    std::vector<UniqueFd> all;
    for (int fd; (fd = ::open("/", O_PATH | O_CLOEXEC)) >= 0;) all.emplace_back(fd);
    EXPECT_EQ(errno, EMFILE);
    return all;
  }

 private:
  struct rlimit before_;
};

struct Keeper {
  explicit Keeper(SpareDescriptors::Turn its_turn = SpareDescriptors::Turn::kFirst) : turn(its_turn) {}

  const SpareDescriptors::Turn turn;
  std::vector<UniqueFd> kept;
  std::atomic<int> asked = 0;
  SpareDescriptors spare{this,
                         [](void* keeper) {
                           ++static_cast<Keeper*>(keeper)->asked;
                           static_cast<Keeper*>(keeper)->kept.clear();
                         },
                         turn};
};

TEST_F(SpareDescriptorsTest, GiveWayToWhatIsNeeded) {
  Keeper keeper, other;
  keeper.kept = TakeAll();
  Result<UniqueFd> opened = sys::OpenAt2(AT_FDCWD, "/", O_PATH, 0, 0);
  EXPECT_EQ(opened.error(), 0);
  EXPECT_EQ(keeper.asked, 1);
  EXPECT_EQ(other.asked, 1);
  EXPECT_TRUE(sys::Dup(opened->get()).ok());
  keeper.kept = TakeAll();
  EXPECT_TRUE(sys::Dup(opened->get()).ok());
  keeper.kept = TakeAll();
  EXPECT_TRUE(sys::Reopen(opened->get(), O_RDONLY).ok());
  keeper.kept = TakeAll();
  EXPECT_NE(ReadProcFile("/proc/self/status"), "");
  EXPECT_EQ(keeper.asked, 4);
}

TEST_F(SpareDescriptorsTest, TheLastOnlyWhereThoseOfOthersWereNotEnough) {
  Keeper last(SpareDescriptors::Turn::kLast), first;
  first.kept = TakeAll();
  EXPECT_TRUE(sys::OpenAt2(AT_FDCWD, "/", O_PATH, 0, 0).ok());
  EXPECT_EQ(last.asked, 0);
  last.kept = TakeAll();
  EXPECT_TRUE(sys::OpenAt2(AT_FDCWD, "/", O_PATH, 0, 0).ok());
  EXPECT_EQ(first.asked, 3);
  EXPECT_EQ(last.asked, 1);
}

TEST_F(SpareDescriptorsTest, ACallWaitsForWhatOthersNeedNow) {
  std::vector<UniqueFd> all;
  Keeper keeper;
  std::atomic<bool> started = false, over = false;
  std::thread other([&] {
    started = true;
    while (keeper.asked == 0 && !over) std::this_thread::yield();
    all.clear();
  });
  while (!started) std::this_thread::yield();  // sanitizers need descriptors for that
  all = TakeAll();
  Result<UniqueFd> opened = sys::OpenAt2(AT_FDCWD, "/", O_PATH, 0, 0);
  over = true;
  other.join();
  EXPECT_EQ(opened.error(), 0);
}

TEST_F(SpareDescriptorsTest, WhereThereAreNoneItFails) {
  std::vector<UniqueFd> all = TakeAll();
  EXPECT_EQ(sys::OpenAt2(AT_FDCWD, "/", O_PATH, 0, 0).error(), EMFILE);
}

TEST_F(SpareDescriptorsTest, WhoIsGoneIsNotAsked) {
  {
    Keeper gone;
  }
  Keeper keeper;
  keeper.kept = TakeAll();
  EXPECT_TRUE(sys::OpenAt2(AT_FDCWD, "/", O_PATH, 0, 0).ok());
}

}  // namespace
}  // namespace plyfs
