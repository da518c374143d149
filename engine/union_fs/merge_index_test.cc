// Names looked up in the merged listing: what that spares, and that it changes no answer.
#include <fcntl.h>
#include <sys/stat.h>

#include <optional>

#include "engine/testing/union_fixture.h"

namespace plyfs {
namespace {

// Counts this thread's calls on the layers.
class CallCounter : public FaultHook {
 public:
  int Before(Op op) override {
    ++calls_;
    opens_ += op == Op::kOpen;
    reads_ += op == Op::kGetdents;
    return 0;
  }
  int calls() const { return calls_; }
  int opens() const { return opens_; }
  int reads() const { return reads_; }

 private:
  int calls_ = 0, opens_ = 0, reads_ = 0;
};

class MergeIndexTest : public UnionFixture {
 protected:
  static constexpr int kLayers = 20;

  std::string LayerPath(int i) const { return "a/" + std::to_string(i); }
  void MountMany(MergeIndex index, bool upper = true, std::optional<uint64_t> memory_bytes = {}) {
    Mount([&](StackConfig* config) {
      config->lowerdirs.clear();
      for (int i = 0; i < kLayers; ++i) config->lowerdirs.push_back(At(LayerPath(i)));
      config->merge_index = index;
      if (!upper) config->upperdir = config->workdir = "";
      if (memory_bytes) config->memory_bytes = *memory_bytes;
    });
  }
  int CallsOf(const std::function<void()>& act) {
    CallCounter counter;
    ScopedFaults faults(&counter);
    act();
    return counter.calls();
  }
  int OpensOf(const std::function<void()>& act) {
    CallCounter counter;
    ScopedFaults faults(&counter);
    act();
    return counter.opens();
  }
  int ReadsOf(const std::function<void()>& act) {
    CallCounter counter;
    ScopedFaults faults(&counter);
    act();
    return counter.reads();
  }
  NodeId LookUp(NodeId dir, const std::string& name) {
    Result<Entry> entry = fs_->Lookup(me_, dir, Name::Trusted(name));
    return entry.ok() ? entry->node : 0;
  }
};

TEST_F(MergeIndexTest, AnAbsentNameOfAKnownDirectoryTouchesNoLayer) {
  for (int i = 0; i < kLayers; ++i) Put(LayerPath(i) + "/d/f" + std::to_string(i));
  MountMany(MergeIndex::kAuto);
  NodeId d = Walk("d");
  (void)List("d");
  EXPECT_EQ(CallsOf([&] {
              for (int i = 0; i < 100; ++i) EXPECT_EQ(LookUp(d, "none" + std::to_string(i)), 0u);
            }),
            0);
}

TEST_F(MergeIndexTest, APresentNameIsAskedForInOneLayer) {
  for (int i = 0; i < kLayers; ++i) Put(LayerPath(i) + "/d/f" + std::to_string(i));
  MountMany(MergeIndex::kAuto, /*upper=*/false);
  NodeId d = Walk("d");
  (void)List("d");
  EXPECT_EQ(OpensOf([&] { EXPECT_NE(LookUp(d, "f19"), 0u); }), 1);
  EXPECT_EQ(CallsOf([&] { EXPECT_NE(LookUp(d, "f19"), 0u); }), 0);
}

TEST_F(MergeIndexTest, WhatTheLookupHasOpenedIsReadAtTheFirstName) {
  for (int i = 0; i < kLayers; ++i) Put(LayerPath(i) + "/d/f" + std::to_string(i));
  MountMany(MergeIndex::kAuto);
  NodeId d = Walk("d");
  // The topmost copy was opened before anybody knew that it is a directory.
  EXPECT_LE(OpensOf([&] { EXPECT_EQ(LookUp(d, "none"), 0u); }), 1);
  EXPECT_EQ(CallsOf([&] { EXPECT_EQ(LookUp(d, "none either"), 0u); }), 0);
}

TEST_F(MergeIndexTest, AskingIsFollowedByReadingOnceItHasCostAsMuch) {
  constexpr int kOthers = 220;  // so many that the lookup's descriptors are needed for them
  for (int i = 0; i < kLayers; ++i) {
    Put(LayerPath(i) + "/d/f" + std::to_string(i));
    for (int k = 0; k < kOthers; ++k) Dir(LayerPath(i) + "/e" + std::to_string(k));
  }
  MountMany(MergeIndex::kAuto);
  NodeId d = Walk("d");
  for (int k = 0; k < kOthers; ++k) (void)Walk("e" + std::to_string(k));
  int touched = 0;
  for (int i = 0; i < 100; ++i) {
    touched += CallsOf([&] { EXPECT_EQ(LookUp(d, "none" + std::to_string(i)), 0u); }) > 0;
  }
  EXPECT_GT(touched, 1);
  EXPECT_LT(touched, 12);
}

TEST_F(MergeIndexTest, SwitchedOffItAsksForEveryName) {
  for (int i = 0; i < kLayers; ++i) Put(LayerPath(i) + "/d/f" + std::to_string(i));
  MountMany(MergeIndex::kOff);
  NodeId d = Walk("d");
  (void)List("d");
  EXPECT_GE(OpensOf([&] { EXPECT_EQ(LookUp(d, "none"), 0u); }), kLayers);
}

// rules: N7 N8
TEST_F(MergeIndexTest, SwitchedOnItReadsDirectoriesOfAnySize) {
  for (int i = 0; i < kLayers; ++i) Dir(LayerPath(i));
  for (int i = 0; i < 1500; ++i) Put(LayerPath(1) + "/d/f" + std::to_string(i));
  MountMany(MergeIndex::kOn);
  NodeId d = Walk("d");
  EXPECT_NE(LookUp(d, "f7"), 0u);
  EXPECT_EQ(CallsOf([&] {
              for (int i = 0; i < 10; ++i) EXPECT_EQ(LookUp(d, "none" + std::to_string(i)), 0u);
            }),
            0);
}

TEST_F(MergeIndexTest, WhatFindsNoRoomIsNotReadAgainForEachName) {
  constexpr int kFiles = 200;
  for (int i = 0; i < kLayers; ++i) Dir(LayerPath(i));
  for (int i = 0; i < kFiles; ++i) Put(LayerPath(1) + "/d/f" + std::to_string(i));
  MountMany(MergeIndex::kOn, /*upper=*/true, /*memory_bytes=*/2000);
  NodeId d = Walk("d");
  int reads = ReadsOf([&] {
    for (int i = 0; i < kFiles; ++i) EXPECT_NE(LookUp(d, "f" + std::to_string(i)), 0u);
  });
  EXPECT_GT(reads, 0);
  EXPECT_LT(reads, kFiles);
}

TEST_F(MergeIndexTest, RemovingKnowsWhatLiesBelowWithoutAskingAll) {
  for (int i = 0; i < kLayers; ++i) Put(LayerPath(i) + "/d/f" + std::to_string(i));
  MountMany(MergeIndex::kOn);
  ASSERT_EQ(Create("d/new", "x"), 0);
  (void)List("d");
  EXPECT_LT(OpensOf([&] { EXPECT_EQ(Unlink("d/new"), 0); }), kLayers / 2);
  EXPECT_LT(OpensOf([&] { EXPECT_EQ(Unlink("d/f19"), 0); }), kLayers / 2);
  EXPECT_EQ(Upper(), (TreeText{{"d", "dir origin"}, {"d/f19", "whiteout"}}));
}

// What is copied up must not be looked for below again, whoever forgets what.
// rules: C12 L1
TEST_F(MergeIndexTest, ACopyIsFoundAfterTheClientForgotTheFile) {
  for (int i = 0; i < kLayers; ++i) Put(LayerPath(i) + "/d/f", "layer " + std::to_string(i));
  MountMany(MergeIndex::kOn);
  NodeId d = Walk("d");
  ASSERT_EQ(List("d"), std::vector<std::string>{"f"});
  ASSERT_EQ(Write("d/f", "UPPER"), 0);
  NodeId f = LookUp(d, "f");
  fs_->Forget(f, 100);
  EXPECT_EQ(Read("d/f"), "UPPER 0");
}

// rules: R9 R16 L10
TEST_F(MergeIndexTest, ARenamedDirectoryFindsItsContentsByTheirOldName) {
  for (int i = 0; i < kLayers; ++i) Put(LayerPath(i) + "/d/old/f" + std::to_string(i));
  auto mount = [&] {
    Mount([&](StackConfig* config) {
      config->lowerdirs.clear();
      for (int i = 0; i < kLayers; ++i) config->lowerdirs.push_back(At(LayerPath(i)));
      config->redirect_dir = RedirectDir::kOn;
      config->merge_index = MergeIndex::kOn;
    });
  };
  mount();
  ASSERT_EQ(Rename("d/old", "d/new"), 0);
  EXPECT_EQ(List("d/new").size(), size_t{kLayers});
  mount();
  EXPECT_EQ(List("d"), std::vector<std::string>{"new"});
  EXPECT_EQ(List("d/new").size(), size_t{kLayers});
}

// rules: L16
TEST_F(MergeIndexTest, DataOfAMetacopyFileLieBelowTheLayerThatHoldsTheName) {
  Put(LayerPath(0) + "/d/other");
  Put(LayerPath(1) + "/d/f", "xxxx");
  SetRecord(LayerPath(1) + "/d/f", "metacopy", "");
  for (int i = 2; i < kLayers; ++i) Put(LayerPath(i) + "/d/g");
  Put(LayerPath(19) + "/d/f", "data");
  Mount([&](StackConfig* config) {
    config->lowerdirs.clear();
    for (int i = 0; i < kLayers; ++i) config->lowerdirs.push_back(At(LayerPath(i)));
    config->upperdir = config->workdir = "";
    config->metacopy = true;
    config->merge_index = MergeIndex::kOn;
  });
  (void)List("d");
  EXPECT_EQ(Read("d/f"), "data");
}

TEST_F(MergeIndexTest, UnderATinyBudgetListingsComeAndGo) {
  for (int i = 0; i < kLayers; ++i) {
    for (int j = 0; j < 10; ++j) Put(LayerPath(i) + "/d" + std::to_string(j) + "/f" + std::to_string(i));
  }
  Mount([&](StackConfig* config) {
    config->lowerdirs.clear();
    for (int i = 0; i < kLayers; ++i) config->lowerdirs.push_back(At(LayerPath(i)));
    config->merge_index = MergeIndex::kOn;
    config->memory_bytes = 8000;
  });
  TreeText view = View();
  EXPECT_EQ(view.size(), size_t{10 + 10 * kLayers} + view.count(""));
  EXPECT_EQ(View(), view);
}

}  // namespace
}  // namespace plyfs
