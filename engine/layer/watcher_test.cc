// On ext4 (/tmp) and tmpfs (/dev/shm).  What others do is done by a shell: our own changes are not told.
#include "engine/layer/watcher.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>

namespace plyfs {
namespace {

using std::chrono::steady_clock;

// Collects what is told; can be made to hang, so that the kernel's queue fills.
class Recorder : public Watcher::Sink {
 public:
  void OnEvents(std::vector<Watcher::Event> events, bool lost) override {
    MutexLock lock(mu_);
    while (held_) released_.Wait(mu_);
    lost_ = lost_ || lost;
    ++calls_;
    for (const Watcher::Event& event : events) {
      what_[{event.node, event.name}] |= event.what;
      if (first_.empty()) first_ = event.name;
      if (event.gone) gone_.push_back(event);
    }
    changed_.NotifyAll();
  }
  void Hold() {
    MutexLock lock(mu_);
    held_ = true;
  }
  void Release() {
    MutexLock lock(mu_);
    held_ = false;
    released_.NotifyAll();
  }
  // What has been told of a name, once it includes `wanted`; what there is after five seconds.
  uint8_t Wait(NodeId node, const std::string& name, uint8_t wanted) {
    const auto until = steady_clock::now() + std::chrono::seconds(5);
    MutexLock lock(mu_);
    while ((what_[{node, name}] & wanted) != wanted && steady_clock::now() < until) {
      (void)changed_.WaitFor(mu_, std::chrono::milliseconds(50));
    }
    return what_[{node, name}];
  }
  bool WaitFor(const std::function<bool()>& condition) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const auto until = steady_clock::now() + std::chrono::seconds(5);
    MutexLock lock(mu_);
    while (!condition() && steady_clock::now() < until) {
      (void)changed_.WaitFor(mu_, std::chrono::milliseconds(50));
    }
    return condition();
  }
  bool WaitLost() {
    return WaitFor([this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return lost_; });
  }
  bool WaitGone() {
    return WaitFor([this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return !gone_.empty(); });
  }
  Watcher::Event gone() {
    MutexLock lock(mu_);
    return gone_.at(0);
  }
  uint8_t Told(NodeId node, const std::string& name) {
    MutexLock lock(mu_);
    return what_[{node, name}];
  }
  std::set<NodeId> Nodes() {
    MutexLock lock(mu_);
    std::set<NodeId> nodes;
    for (const auto& [of, what] : what_) {
      if (what != 0) nodes.insert(of.first);
    }
    return nodes;
  }
  std::string FirstTold() {
    MutexLock lock(mu_);
    return first_;
  }
  bool WaitCalls(int least) {
    return WaitFor([this, least]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return calls_ >= least; });
  }

 private:
  Mutex mu_{LockRank::kTests};
  CondVar changed_, released_;
  std::map<std::pair<NodeId, std::string>, uint8_t> what_ ABSL_GUARDED_BY(mu_);
  std::vector<Watcher::Event> gone_ ABSL_GUARDED_BY(mu_);
  std::string first_ ABSL_GUARDED_BY(mu_);
  bool lost_ ABSL_GUARDED_BY(mu_) = false;
  bool held_ ABSL_GUARDED_BY(mu_) = false;
  int calls_ ABSL_GUARDED_BY(mu_) = 0;
};

struct Where {
  const char* name;
  const char* base;
  bool fanotify;
  size_t max_marks = 1000;  // 0: everything by marks on filesystems
};

bool FilesystemMarksMayBeHad() {
  Result<std::unique_ptr<NotifyGroup>> group = NotifyGroup::Fanotify();
  UniqueFd fd(::open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return group.ok() && (*group)->AddFilesystem(fd.get()).ok();
}

class WatcherTest : public ::testing::TestWithParam<Where> {
 protected:
  void SetUp() override {
    if (ByFilesystem() && !FilesystemMarksMayBeHad()) GTEST_SKIP() << "needs privileges";
    std::string path = std::string(GetParam().base) + "/plyfs-watcher-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    root_ = path;
    Start(Watcher::Options{GetParam().max_marks, GetParam().fanotify});
  }
  static bool ByFilesystem() { return GetParam().max_marks == 0; }
  static Watcher::Outcome Watched() {
    return ByFilesystem() ? Watcher::Outcome::kByFilesystem : Watcher::Outcome::kWatched;
  }
  void TearDown() override {
    watcher_.reset();
    if (!root_.empty()) std::filesystem::remove_all(root_);
  }
  void Start(const Watcher::Options& options) {
    watcher_.reset();
    watcher_ = std::make_unique<Watcher>(told_, options);
  }
  std::string Dir(const std::string& name) {
    std::string path = root_ + "/" + name;
    EXPECT_EQ(::mkdir(path.c_str(), 0755), 0);
    return path;
  }
  Watcher::Outcome Watch(NodeId node, const std::string& path, int flags = O_PATH) {
    UniqueFd fd(::open(path.c_str(), flags | O_DIRECTORY | O_CLOEXEC));
    return watcher_->Watch(node, fd.get(), Watcher::Changes::kOthers);
  }
  void ByHand(const std::string& commands) {
    ASSERT_EQ(::system(("set -e; cd " + root_ + "; " + commands).c_str()), 0);
  }

  std::string root_;
  Recorder told_;
  std::unique_ptr<Watcher> watcher_;
};

TEST_P(WatcherTest, TellsNamesContentAndAttributes) {
  std::string d = Dir("d");
  ByHand("echo old > d/f; echo old > d/gone; mkdir d/sub");
  ASSERT_EQ(Watch(7, d), Watched());
  ByHand("echo new > d/new; echo more >> d/f; rm d/gone; mv d/new d/moved; chmod 700 d/sub d/f");
  EXPECT_EQ(told_.Wait(7, "f", kChangedContent | kChangedAttributes), kChangedContent | kChangedAttributes);
  EXPECT_TRUE(told_.Wait(7, "new", kChangedNames));
  EXPECT_TRUE(told_.Wait(7, "gone", kChangedNames));
  EXPECT_TRUE(told_.Wait(7, "moved", kChangedNames));
}

// fanotify knows an event on a directory by that directory's own handle: who wants to hear of attributes of
// subdirectories watches these.
TEST_P(WatcherTest, AttributesOfASubdirectoryAreToldByItself) {
  std::string d = Dir("d"), sub = Dir("d/sub");
  ASSERT_EQ(Watch(7, d), Watched());
  ASSERT_EQ(Watch(8, sub), Watched());
  ByHand("chmod 700 d/sub");
  EXPECT_EQ(told_.Wait(8, "", kChangedAttributes), kChangedAttributes);
}

TEST_P(WatcherTest, TellsOfTheDirectoryItself) {
  std::string d = Dir("d");
  ASSERT_EQ(Watch(7, d, O_RDONLY), Watched());
  ByHand("chmod 700 d");
  EXPECT_EQ(told_.Wait(7, "", kChangedAttributes), kChangedAttributes);
  ByHand("mv d e");
  EXPECT_TRUE(told_.Wait(7, "", kDirectoryMoved) & kDirectoryMoved);
}

TEST_P(WatcherTest, OneDirectoryForTwoNodesAndTwoForOne) {
  std::string d = Dir("d"), e = Dir("e");
  ASSERT_EQ(Watch(7, d), Watched());
  ASSERT_EQ(Watch(8, d), Watched());
  ASSERT_EQ(Watch(8, e), Watched());
  ASSERT_EQ(Watch(8, e), Watched());
  EXPECT_EQ(watcher_->marks(), 2u);
  ByHand("touch d/x e/y");
  EXPECT_TRUE(told_.Wait(7, "x", kChangedNames));
  EXPECT_TRUE(told_.Wait(8, "x", kChangedNames));
  EXPECT_TRUE(told_.Wait(8, "y", kChangedNames));
  EXPECT_EQ(told_.Told(7, "y"), 0);
}

TEST_P(WatcherTest, ARemovedDirectoryGivesItsMarkBack) {
  ASSERT_EQ(Watch(7, Dir("d")), Watched());
  ByHand("rmdir d");
  ASSERT_TRUE(told_.WaitGone());
  Watcher::Event gone = told_.gone();
  EXPECT_EQ(gone.node, 7u);
  EXPECT_EQ(watcher_->marks(), 1u);
  watcher_->Remove(gone.key, gone.node);
  EXPECT_EQ(watcher_->marks(), 0u);
}

TEST_P(WatcherTest, TakesNoMoreThanItsShare) {
  Start(ByFilesystem() ? Watcher::Options{0, true, true, 2}
                       : Watcher::Options{2, GetParam().fanotify, /*filesystem_marks=*/false});
  EXPECT_EQ(Watch(7, Dir("a")), Watched());
  EXPECT_EQ(Watch(8, Dir("b")), Watched());
  EXPECT_EQ(Watch(9, Dir("c")), Watcher::Outcome::kNoRoom);
  EXPECT_EQ(watcher_->Nodes().size(), 2u);
  watcher_->Flush();
  EXPECT_EQ(watcher_->marks(), 0u);
  EXPECT_EQ(Watch(9, root_ + "/c"), Watched());
  ByHand("touch a/x; touch c/x");
  EXPECT_TRUE(told_.Wait(9, "x", kChangedNames));
  EXPECT_EQ(told_.Told(7, "x"), 0);
}

TEST_P(WatcherTest, TellsThatChangesWereLost) {
  std::string d = Dir("d");
  ASSERT_EQ(Watch(7, d), Watched());
  told_.Hold();
  // The queues' limit is 16,384 (fs.fanotify.max_queued_events, fs.inotify.max_queued_events).
  ByHand("touch d/first; seq 17000 | sed 's,^,d/,' | xargs touch");
  told_.Release();
  EXPECT_TRUE(told_.WaitLost());
}

TEST_P(WatcherTest, WakeCallsTheSink) {
  ASSERT_EQ(Watch(7, Dir("d")), Watched());
  watcher_->Wake();
  EXPECT_TRUE(told_.WaitCalls(1));
}

TEST_P(WatcherTest, NotADirectoryIsUnwatchable) {
  ByHand("echo > f");
  UniqueFd fd(::open((root_ + "/f").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(watcher_->Watch(7, fd.get(), Watcher::Changes::kOthers),
            ByFilesystem() ? Watcher::Outcome::kNoRoom : Watcher::Outcome::kUnwatchable);
}

INSTANTIATE_TEST_SUITE_P(On, WatcherTest,
                         ::testing::Values(Where{"Tmp", "/tmp", true}, Where{"Shm", "/dev/shm", true},
                                           Where{"TmpInotify", "/tmp", false},
                                           Where{"TmpByFilesystem", "/tmp", true, 0},
                                           Where{"ShmByFilesystem", "/dev/shm", true, 0}),
                         [](const auto& where) { return where.param.name; });

// Beyond the bound: what has a mark keeps it, what has none is told of too, and what nobody asked about is
// not.
TEST(WatcherOwnTest, BeyondTheBoundTheFilesystemIsWatched) {
  if (!FilesystemMarksMayBeHad()) GTEST_SKIP() << "needs privileges";
  std::string root = "/tmp/plyfs-watcher-XXXXXX";
  ASSERT_NE(::mkdtemp(root.data()), nullptr);
  ASSERT_EQ(::system(("cd " + root + " && mkdir marked more other").c_str()), 0);
  Recorder told;
  {
    Watcher watcher(told, Watcher::Options{1, true});
    UniqueFd marked(::open((root + "/marked").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    UniqueFd more(::open((root + "/more").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_EQ(watcher.Watch(7, marked.get(), Watcher::Changes::kOthers), Watcher::Outcome::kWatched);
    ASSERT_EQ(watcher.Watch(8, more.get(), Watcher::Changes::kOurs), Watcher::Outcome::kByFilesystem);
    EXPECT_EQ(watcher.marks(), 2u);
    EXPECT_EQ(watcher.by_filesystem(), 1u);
    ASSERT_EQ(::system(("cd " + root + " && touch other/x marked/x && mkdir more/y").c_str()), 0);
    EXPECT_TRUE(told.Wait(8, "y", kChangedNames));
    EXPECT_TRUE(told.Wait(7, "x", kChangedNames));
    EXPECT_EQ(told.Nodes(), (std::set<NodeId>{7, 8}));
    watcher.Flush();
    ASSERT_EQ(watcher.Watch(7, marked.get(), Watcher::Changes::kOthers), Watcher::Outcome::kWatched);
    ASSERT_EQ(::system(("cd " + root + " && touch more/z marked/z").c_str()), 0);
    EXPECT_TRUE(told.Wait(7, "z", kChangedNames));
    EXPECT_EQ(told.Told(8, "z"), 0);
  }
  std::filesystem::remove_all(root);
}

// Who writes without ever closing is told of only by a mark on the directory.
TEST(WatcherOwnTest, StoresAreToldByFilesystemWhenTheWriterCloses) {
  if (!FilesystemMarksMayBeHad()) GTEST_SKIP() << "needs privileges";
  std::string root = "/tmp/plyfs-watcher-XXXXXX";
  ASSERT_NE(::mkdtemp(root.data()), nullptr);
  ASSERT_EQ(::system(("touch " + root + "/f").c_str()), 0);
  Recorder told;
  {
    Watcher watcher(told, Watcher::Options{0, true});
    UniqueFd fd(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    ASSERT_EQ(watcher.Watch(7, fd.get(), Watcher::Changes::kOthers), Watcher::Outcome::kByFilesystem);
    ASSERT_EQ(::system(("cd " + root + " && { echo x; mkdir then; } >> f").c_str()), 0);
    EXPECT_TRUE(told.Wait(7, "f", kChangedContent));
    EXPECT_EQ(told.FirstTold(), "then");
  }
  std::filesystem::remove_all(root);
}

TEST(WatcherOwnTest, BeyondTheBoundNothingOfAFilesystemThatCannot) {
  Recorder told;
  Watcher watcher(told, Watcher::Options{0, true});
  UniqueFd fd(::open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC));
  EXPECT_EQ(watcher.Watch(7, fd.get(), Watcher::Changes::kOthers), Watcher::Outcome::kNoRoom);
  EXPECT_EQ(watcher.marks(), 0u);
}

// Our own changes are told apart only by fanotify: nothing of ours may be mistaken for somebody else's (U2).
class WatcherOursTest : public ::testing::TestWithParam<size_t> {};
TEST_P(WatcherOursTest, AreNotTold) {
  const bool by_filesystem = GetParam() == 0;
  if (by_filesystem && !FilesystemMarksMayBeHad()) GTEST_SKIP() << "needs privileges";
  std::string root = "/tmp/plyfs-watcher-XXXXXX";
  ASSERT_NE(::mkdtemp(root.data()), nullptr);
  Recorder told;
  {
    Watcher watcher(told, Watcher::Options{GetParam(), true});
    UniqueFd fd(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    ASSERT_EQ(watcher.Watch(7, fd.get(), Watcher::Changes::kOurs),
              by_filesystem ? Watcher::Outcome::kByFilesystem : Watcher::Outcome::kWatched);
    UniqueFd ours(::open((root + "/ours").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    EXPECT_EQ(::write(ours.get(), "x", 1), 1);
    ASSERT_EQ(::system(("touch " + root + "/theirs").c_str()), 0);
    // Notices come in order: when theirs is here, ours would be.
    EXPECT_TRUE(told.Wait(7, "theirs", kChangedNames));
    EXPECT_EQ(told.Told(7, "ours"), 0);
  }
  std::filesystem::remove_all(root);
}

INSTANTIATE_TEST_SUITE_P(Marks, WatcherOursTest, ::testing::Values(100, 0));

// Asks for a watch for as long as the watcher may be ending.
class Asker : public Watcher::Sink {
 public:
  void OnEvents(std::vector<Watcher::Event>, bool) override {
    entered_.store(true);
    const auto until = steady_clock::now() + std::chrono::milliseconds(100);
    while (steady_clock::now() < until) (void)watcher_->Watch(8, dir_, Watcher::Changes::kOthers);
  }
  Watcher* watcher_ = nullptr;
  int dir_ = -1;
  std::atomic<bool> entered_{false};
};

TEST(WatcherOwnTest, WatchesAskedForWhileItEndsStartNothing) {
  UniqueFd fd(::open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC));
  Asker asker;
  auto watcher = std::make_unique<Watcher>(asker, Watcher::Options{100, true});
  asker.watcher_ = watcher.get();
  asker.dir_ = fd.get();
  ASSERT_EQ(watcher->Watch(7, fd.get(), Watcher::Changes::kOthers), Watcher::Outcome::kWatched);
  watcher->Wake();
  while (!asker.entered_.load()) ::usleep(100);
  watcher.reset();
}

TEST(WatcherOwnTest, InotifyIsNotUsedWhereWeWrite) {
  Recorder told;
  Watcher watcher(told, Watcher::Options{100, false});
  UniqueFd fd(::open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC));
  EXPECT_EQ(watcher.Watch(7, fd.get(), Watcher::Changes::kOurs), Watcher::Outcome::kUnwatchable);
}

TEST(WatcherOwnTest, DefaultIsThreeQuartersOfTheLimit) {
  size_t marks = Watcher::DefaultMarks();
  EXPECT_GT(marks, 0u);
  EXPECT_EQ(marks % 3, 0u);
}

}  // namespace
}  // namespace plyfs
