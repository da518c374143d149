// Operations side by side: what each may see, and what is left.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "engine/testing/union_fixture.h"

namespace plyfs {
namespace {

using V = std::vector<std::string>;
using T = TreeText;

class RaceTest : public UnionFixture {
 protected:
  static void Together(const std::vector<std::function<void()>>& jobs) {
    std::vector<std::thread> threads;
    for (const auto& job : jobs) threads.emplace_back(job);
    for (std::thread& thread : threads) thread.join();
  }
};

// rules: C12
TEST_F(RaceTest, OneCopyForManyOpeners) {
  Put("b/d/f", std::string(300000, 'x'));
  Mount();
  NodeId f = Walk("d/f");
  std::atomic<int> failed{0};
  std::vector<std::function<void()>> jobs;
  for (int i = 0; i < 8; ++i) {
    jobs.push_back([&, i] {
      Result<Opened> file = fs_->Open(me_, f, O_RDWR, false);
      if (!file.ok() || !fs_->Write(me_, f, file->handle, i, std::string_view("y"), {}).ok()) ++failed;
      if (file.ok()) fs_->Release(f, file->handle);
    });
  }
  Together(jobs);
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(Get("u/d/f"), std::string(8, 'y') + std::string(300000 - 8, 'x'));
  EXPECT_EQ(Leftovers(), V());
}

// A name that is replaced is there at every moment, and what it leads to is whole.
// rules: N20 R19
TEST_F(RaceTest, AReplacedNameIsAlwaysThere) {
  Put("b/f", "text");
  Mount();
  std::atomic<bool> stop{false};
  std::atomic<int> absent{0}, unreadable{0};
  auto replace = [&] {
    for (int i = 0; i < 400; ++i) {
      EXPECT_EQ(Create("tmp", "text"), 0);
      EXPECT_EQ(Rename("tmp", "f"), 0);
    }
    stop = true;
  };
  auto look = [&] {
    while (!stop) {
      Result<Entry> entry = fs_->Lookup(me_, kRootNode, Name::Trusted("f"));
      if (!entry.ok() || entry->node == 0) {
        ++absent;
        continue;
      }
      SetAttrArgs args;
      args.mode = 0600;
      if (!fs_->SetAttr(me_, entry->node, 0, args).ok()) ++unreadable;
      Result<Opened> file = fs_->Open(me_, entry->node, O_RDONLY, false);
      if (!file.ok() || ReadHandle(file->handle) != "text") ++unreadable;
      if (file.ok()) fs_->Release(entry->node, file->handle);
      fs_->Forget(entry->node, 1);
    }
  };
  Together({replace, look, look});
  EXPECT_EQ(absent, 0);
  EXPECT_EQ(unreadable, 0);
  EXPECT_EQ(Read("f"), "text");
}

// The directory is at its new place on disk and the tree does not know yet: who looks for something beneath
// it by its old names must wait, and is not told that it is gone. rules: R7 U3
TEST_F(RaceTest, WhatLiesBeneathARenamedDirectoryIsFound) {
  constexpr int kDirs = 20, kOthers = 4000;
  for (int i = 0; i < kDirs; ++i) Put("u/p/" + std::to_string(i) + "/f", "text");
  for (int i = 0; i < kOthers; ++i) Dir("u/others/" + std::to_string(i));
  Whiteout("u/q");
  Mount();
  std::vector<NodeId> dirs;
  for (int i = 0; i < kDirs; ++i) dirs.push_back(Walk("p/" + std::to_string(i)));
  // Their descriptors are evicted, so that they must be looked for.
  for (int i = 0; i < kOthers; ++i) Walk("others/" + std::to_string(i));
  std::thread looker;
  int lost = 0;
  // Onto a whiteout takes two calls, of which the second removes it.
  ActAt look(Op::kUnlink, [&] {
    looker = std::thread([&] {
      for (NodeId dir : dirs) lost += !fs_->Lookup(me_, dir, Name::Trusted("f")).ok();
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // time to go wrong in
  });
  {
    ScopedFaults faults(&look);
    EXPECT_EQ(Rename("p", "q"), 0);
  }
  ASSERT_TRUE(look.acted());
  looker.join();
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(Read("q/0/f"), "text");
}

// What stands at the name by now may refuse to be opened in ways of its own: a whiteout has no driver.
// rules: N19 U3
TEST_F(RaceTest, AFileRemovedWhileItIsOpenedIsOpened) {
  Put("b/f", "text");
  Mount();
  ASSERT_EQ(Write("f", "TEXT"), 0);
  NodeId f = Walk("f");
  for (int round = 0; round < 2; ++round) {
    ActAt remove(Op::kOpen, [&] { EXPECT_EQ(round == 0 ? Unlink("f") : MakeDir("f"), 0); });
    Result<Opened> file(Errno(EIO));
    {
      ScopedFaults faults(&remove);
      file = fs_->Open(me_, f, O_RDWR, false);
    }
    ASSERT_TRUE(remove.acted());
    ASSERT_EQ(file.error(), 0);
    EXPECT_EQ(ReadHandle(file->handle), "TEXT");
    fs_->Release(f, file->handle);
  }
}

// rules: N19 S10
TEST_F(RaceTest, TheLastTwoNamesRemovedAtOnce) {
  Put("b/d1/x");
  Put("b/d2/x");
  Mount();
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(Create("d1/p", "text"), 0);
    ASSERT_EQ(Link("d1/p", "d2/q"), 0);
    NodeId node = Walk("d1/p");
    Together({[&] { EXPECT_EQ(Unlink("d1/p"), 0); }, [&] { EXPECT_EQ(Unlink("d2/q"), 0); }});
    Result<AttrReply> attr = fs_->GetAttr(me_, node, 0);
    ASSERT_EQ(attr.error(), 0);
    EXPECT_EQ(attr->attr.nlink, 0u);
    Result<Opened> file = fs_->Open(me_, node, O_RDONLY, false);
    ASSERT_EQ(file.error(), 0);
    EXPECT_EQ(ReadHandle(file->handle), "text");
    fs_->Release(node, file->handle);
    fs_->Forget(node, 1 << 20);
  }
}

// Whatever is done at once: no name is lost between the tree and upper, nothing stays in W/work.
// rules: C12 N20 M14
class StressTest : public RaceTest, public ::testing::WithParamInterface<LowerMode> {};

TEST_P(StressTest, TheTreeStaysInStepWithUpper) {
  constexpr int kThreads = 4, kSteps = 400;
  for (const char* dir : {"", "x/", "y/"}) {
    for (const char* name : {"1", "2", "3"}) {
      Put(std::string("b/") + dir + name, "low");
      Put(std::string("b/") + dir + "d" + name + "/in", "low");
    }
  }
  Mount([](StackConfig* c) {
    c->redirect_dir = RedirectDir::kOn;
    c->opaque_mkdir = true;
    c->lower = GetParam();
  });
  std::atomic<int> strange{0};
  auto worker = [&](unsigned seed) {
    std::mt19937 random(seed);
    auto pick = [&](std::vector<const char*> from) { return std::string(from[random() % from.size()]); };
    auto path = [&] {
      return pick({"", "x/", "y/", "d1/", "x/d2/"}) + pick({"1", "2", "3", "d1", "d2", "d3", "in"});
    };
    for (int i = 0; i < kSteps; ++i) {
      int error = 0;
      switch (random() % 10) {
        case 0:
          error = Create(path(), "new");
          break;
        case 1:
          error = MakeDir(path());
          break;
        case 2:
          error = Unlink(path());
          break;
        case 3:
          error = RemoveDir(path());
          break;
        case 4:
          error = Rename(path(), path());
          break;
        case 5:
          error = Rename(path(), path(), RENAME_EXCHANGE);
          break;
        case 6:
          error = Link(path(), path());
          break;
        case 7:
          error = Chmod(path(), 0600 + random() % 64);
          break;
        case 8:
          error = Write(path(), "written");
          break;
        case 9:
          List(pick({"", "x", "y"}));
          break;
      }
      switch (error) {
        case 0:
        case ENOENT:
        case EEXIST:
        case ENOTEMPTY:
        case EISDIR:
        case ENOTDIR:
        case EINVAL:
        case ESTALE:
        case EPERM:  // link of a directory
          break;
        default:
          ADD_FAILURE() << "errno " << error;
          ++strange;
      }
    }
  };
  std::vector<std::function<void()>> jobs;
  for (unsigned i = 0; i < kThreads; ++i) jobs.push_back([&worker, i] { worker(i); });
  Together(jobs);
  EXPECT_EQ(Leftovers(), V());
  T live = View();
  Mount([](StackConfig* c) { c->redirect_dir = RedirectDir::kOn; });
  EXPECT_EQ(View(), live);
}

INSTANTIATE_TEST_SUITE_P(Lower, StressTest, ::testing::Values(LowerMode::kWatch, LowerMode::kFrozen),
                         [](const auto& mode) {
                           return mode.param == LowerMode::kWatch ? "Watch" : "Frozen";
                         });

}  // namespace
}  // namespace plyfs
