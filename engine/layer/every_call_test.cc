// Every call that opening, writing and reading of layers makes, failing once: what could not be learnt is not
// made up, nothing is left behind, and whoever is refused is told why.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>

#include "engine/base/log.h"
#include "engine/io/fail_call_for_test.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/index_file.h"
#include "engine/layer/index_writer.h"
#include "engine/layer/indexed.h"
#include "engine/layer/layer_stack.h"
#include "engine/layer/object.h"
#include "engine/layer/origin_store.h"

namespace plyfs {
namespace {

namespace fs = std::filesystem;

class EveryLayerCallTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char dir[] = "/dev/shm/plyfs_layer_XXXXXX";
    ASSERT_NE(::mkdtemp(dir), nullptr);
    root_ = dir;
    fs::create_directories(root_ / "files");
    fs::create_directories(root_ / "layer/d/sub");
    fs::create_directories(root_ / "layer/empty");
    std::ofstream(At("d/f")) << "text";
    std::ofstream(At("d/sub/g")) << "text";
    fs::create_symlink("d/f", At("link"));
    ASSERT_EQ(::setxattr(At("d/f").c_str(), "user.overlay.metacopy", "", 0, 0), 0);
    ASSERT_EQ(::setxattr(At("d/f").c_str(), "user.other", "1", 1, 0), 0);
    SetLogSink([](std::string_view) {});
  }
  void TearDown() override {
    SetLogSink(nullptr);
    fs::remove_all(root_);
  }

  std::string At(const std::string& path) const { return root_ / "layer" / path; }
  void ExpectNoTemporary() const {
    for (const auto& entry : fs::directory_iterator(root_ / "files")) {
      EXPECT_FALSE(entry.path().filename().native().starts_with(".")) << entry.path();
    }
  }
  // Calls `act` with the first, second, ... call failing in turn until it makes no more; nothing stays open.
  static void ForEachCall(const std::function<void(FailCall& fault)>& act) {
    const auto open_before = OpenDescriptors();
    bool more = true;
    for (int nth = 1; more; ++nth) {
      FailCall fault(nth);
      SCOPED_TRACE("call " + std::to_string(nth));
      act(fault);
      EXPECT_EQ(OpenDescriptors(), open_before) << OpName(fault.which());
      more = fault.failed();
      if (HasFailure()) return;
    }
  }

  // Likewise with each call giving each answer that it may give.
  static void ForEachAnswerOfEachCall(const std::function<void(AnswerCall& answer)>& act) {
    const auto open_before = OpenDescriptors();
    ForEachAnswer([&](AnswerCall& answer) {
      if (HasFailure()) return;
      act(answer);
      EXPECT_EQ(OpenDescriptors(), open_before) << answer.text();
    });
  }

  // Whatever the file says of the layer is so, if it says anything.  Where a call said that something is not
  // there, the file may say so too.
  void ExpectTrue(IndexFile& file, const Layer& layer, bool all = true) const {
    for (const char* path : {"d", "d/f", "d/sub", "d/sub/g", "link", "empty"}) {
      const fs::path at = path;
      const auto answer =
          file.Ask(at.has_parent_path() ? at.parent_path().string() : ".", at.filename().string());
      if (!answer.known) continue;
      if (!all && !answer.held) continue;
      ASSERT_TRUE(answer.held) << path;
      const IndexEntryView& entry = answer.held->entry;
      const struct statx now = *sys::Statx(AT_FDCWD, At(path).c_str());
      EXPECT_EQ(ObjectIdOf(now), ObjectIdOf(StatOf(entry, layer.device()))) << path;
      EXPECT_EQ(AttrOf(now).mode, entry.attr().mode) << path;
      EXPECT_EQ(entry.target(), S_ISLNK(now.stx_mode) ? "d/f" : "") << path;
      const bool recorded = entry.record("user.overlay.metacopy") && entry.others();
      EXPECT_TRUE(recorded || !all || at != "d/f");
    }
    for (const char* path : {".", "d", "d/sub", "empty"}) {
      const auto dir = file.Find(path);
      if (!dir) continue;
      std::ptrdiff_t entries = 0;
      const Status visited = file.Visit(*dir, [&](const IndexEntryView&) { return ++entries, OkStatus(); });
      const bool whole = entries == std::distance(fs::directory_iterator(At(path)), {});
      EXPECT_TRUE(whole || !all || !visited.ok()) << path;
    }
  }

  std::unique_ptr<IndexFile> Open(const Layer& layer, IndexMemory* memory, std::string* why) const {
    Result<UniqueFd> folder = OpenIndexFolder(root_ / "files", why);
    if (!folder.ok()) return nullptr;
    return IndexFile::Open(folder->get(), layer, IndexFile::Terms{true, false}, memory, why);
  }

  fs::path root_;
};

TEST_F(EveryLayerCallTest, WritingAnIndex) {
  std::string line;
  const UniqueFd folder = *OpenIndexFolder(root_ / "files", &line);
  const std::unique_ptr<Layer> layer = *Layer::Open(0, root_ / "layer");
  const auto told = [](const IndexProgress&) {};
  ASSERT_TRUE(WriteLayerIndex(root_ / "layer", folder.get(), told, &line).ok()) << line;
  ForEachCall([&](FailCall& fault) {
    line.clear();
    Result<IndexProgress> written = Errno(ENOSYS);
    {
      ScopedFaults faults(&fault);
      written = WriteLayerIndex(root_ / "layer", folder.get(), told, &line);
    }
    EXPECT_TRUE(written.ok() || (written.error() == EIO && !line.empty())) << written.error() << line;
    // The file that there was, or a new one in its place; none that is half done.
    ExpectNoTemporary();
    IndexMemory memory(1 << 20);
    std::unique_ptr<IndexFile> file = Open(*layer, &memory, &line);
    ASSERT_TRUE(file) << line;
    ExpectTrue(*file, *layer);
  });
}

// What may not be read, or is gone when it is looked at, is left out or left to the layer.
TEST_F(EveryLayerCallTest, WritingAnIndexOfWhatAnswersOtherwise) {
  std::string line;
  const UniqueFd folder = *OpenIndexFolder(root_ / "files", &line);
  const std::unique_ptr<Layer> layer = *Layer::Open(0, root_ / "layer");
  const auto told = [](const IndexProgress&) {};
  int written = 0, refused = 0;
  ForEachAnswerOfEachCall([&](AnswerCall& answer) {
    fs::remove_all(root_ / "files");
    fs::create_directory(root_ / "files");
    const UniqueFd fresh = *OpenIndexFolder(root_ / "files", &line);
    line.clear();
    Result<IndexProgress> done = Errno(ENOSYS);
    {
      ScopedFaults faults(&answer);
      done = WriteLayerIndex(root_ / "layer", fresh.get(), told, &line);
    }
    SCOPED_TRACE(answer.text());
    ExpectNoTemporary();
    if (!done.ok()) {
      ++refused;
      EXPECT_FALSE(line.empty());
      EXPECT_TRUE(fs::is_empty(root_ / "files") || answer.op() == Op::kFsync);
      return;
    }
    ++written;
    IndexMemory memory(1 << 20);
    std::string why;
    Result<UniqueFd> opened = OpenIndexFolder(root_ / "files", &why);
    ASSERT_TRUE(opened.ok()) << why;
    auto file = IndexFile::Open(opened->get(), *layer, IndexFile::Terms{true, false}, &memory, &why);
    const int error = answer.error();
    const bool absent = error == ENOENT || error == ENOTDIR || error == ENODATA || error == EOPNOTSUPP;
    if (file) ExpectTrue(*file, *layer, !absent);
  });
  EXPECT_GT(written, 20);
  EXPECT_GT(refused, 20);
}

TEST_F(EveryLayerCallTest, ReadingAnIndex) {
  std::string line;
  // More than one page of the table, and a directory in parts.
  fs::create_directories(At("wide"));
  for (int i = 0; i < 1500; ++i) std::ofstream(At("wide/" + std::to_string(i))) << "";
  for (int i = 0; i < 600; ++i) {
    fs::create_directories(At("many/" + std::to_string(i)));
    std::ofstream(At("many/" + std::to_string(i) + "/f")) << "";
  }
  {
    const UniqueFd folder = *OpenIndexFolder(root_ / "files", &line);
    ASSERT_TRUE(WriteLayerIndex(
                    root_ / "layer", folder.get(), [](const IndexProgress&) {}, &line)
                    .ok())
        << line;
  }
  const std::unique_ptr<Layer> layer = *Layer::Open(0, root_ / "layer");
  int unknown = 0;
  ForEachCall([&](FailCall& fault) {
    ScopedFaults faults(&fault);
    IndexMemory memory(1 << 20);
    std::unique_ptr<IndexFile> file = Open(*layer, &memory, &line);
    if (!file) {
      ++unknown;
      return;
    }
    for (int i : {0, 299, 599}) {
      const auto answer = file->Ask("many/" + std::to_string(i), "f");
      EXPECT_TRUE(!answer.known || answer.held);
      unknown += answer.known ? 0 : 1;
      const auto in_parts = file->Ask("wide", std::to_string(i));
      EXPECT_TRUE(!in_parts.known || in_parts.held);
      EXPECT_FALSE(file->Ask("many", "none" + std::to_string(i)).held);
    }
    ScopedFaults none(nullptr);
    ExpectTrue(*file, *layer);
  });
  EXPECT_GT(unknown, 5);
}

TEST_F(EveryLayerCallTest, OpeningAStackThatHasIndices) {
  StackConfig config;
  config.lowerdirs = {root_ / "layer/d", root_ / "layer/empty"};
  config.datadirs = {root_ / "files"};
  config.index_dir = root_ / "files";
  config.lower = LowerMode::kFrozen;
  int refused = 0;
  ForEachCall([&](FailCall& fault) {
    ScopedFaults faults(&fault);
    std::string line;
    auto stack = LayerStack::Open(config, &line);
    if (!stack.ok()) {
      EXPECT_EQ(stack.error(), EIO);
      EXPECT_FALSE(line.empty());
      ++refused;
      return;
    }
    EXPECT_TRUE((*stack)->TakeIndices(config, 10, 1 << 20, &line).ok());  // without one at worst
    EXPECT_EQ((*stack)->lower_count(), 2);
    EXPECT_FALSE((*stack)->indexed());
  });
  EXPECT_GT(refused, 5);
}

TEST_F(EveryLayerCallTest, OpeningAStackThatAnswersOtherwise) {
  StackConfig config;
  config.lowerdirs = {root_ / "layer/d", root_ / "layer/empty"};
  config.datadirs = {root_ / "files"};
  config.index_dir = root_ / "files";
  config.lower = LowerMode::kFrozen;
  int refused = 0, without = 0;
  ForEachAnswerOfEachCall([&](AnswerCall& answer) {
    ScopedFaults faults(&answer);
    std::string line;
    auto stack = LayerStack::Open(config, &line);
    if (!stack.ok()) {
      EXPECT_FALSE(line.empty());
      ++refused;
      return;
    }
    const Status taken = (*stack)->TakeIndices(config, 10, 1 << 20, &line);
    EXPECT_TRUE(taken.ok() || line.starts_with("index_dir=")) << line;  // where there is no such folder
    without += taken.ok() ? 0 : 1;
    EXPECT_EQ((*stack)->lower_count(), 2);
    EXPECT_FALSE((*stack)->indexed());
  });
  EXPECT_GT(refused, 10);
  EXPECT_GE(without, 2);
}

TEST_F(EveryLayerCallTest, OriginsAreRightOrUnknown) {
  StackConfig config;
  config.lowerdirs = {root_ / "layer"};
  std::string line;
  const auto stack = *LayerStack::Open(config, &line);
  const Layer& layer = stack->lower(0);
  const UniqueFd fd = *layer.OpenAt("d/f", O_PATH);
  const std::string right = *OriginStore::Open(*stack, false)->Make(layer, fd.get());
  ASSERT_FALSE(right.empty());
  const ObjectId object = ObjectIdOf(*sys::StatxFd(fd.get()));
  int unknown = 0;
  ForEachCall([&](FailCall& fault) {
    ScopedFaults faults(&fault);
    const auto store = OriginStore::Open(*stack, false);
    const Result<std::string> made = store->Make(layer, fd.get());
    EXPECT_TRUE(made.error() == EIO || made->empty() || *made == right);
    const Result<std::optional<ObjectId>> found = store->Find(right, S_IFREG);
    EXPECT_TRUE(found.error() == EIO || !*found || **found == object);
    unknown += found.ok() && *found ? 0 : 1;
  });
  EXPECT_GE(unknown, 3);
  ForEachAnswerOfEachCall([&](AnswerCall& answer) {
    const auto fresh = *LayerStack::Open(config, &line);  // a layer keeps what it has looked beneath
    ScopedFaults faults(&answer);
    const auto store = OriginStore::Open(*fresh, false);
    const Result<std::string> made = store->Make(fresh->lower(0), fd.get());
    EXPECT_TRUE(!made.ok() || made->empty() || *made == right);
    const Result<std::optional<ObjectId>> found = store->Find(right, S_IFREG);
    EXPECT_TRUE(!found.ok() || !*found || **found == object);
  });
  // What passes is an error; that the object is gone is none.
  for (const int error : {EIO, ENOMEM, EMFILE, ENFILE, ESTALE, ENOENT, EPERM}) {
    const auto store = OriginStore::Open(*stack, false);
    auto plan = FaultPlan::Parse("statx=" + std::string(strerrorname_np(error)));
    ScopedFaults faults(plan->get());
    const Result<std::optional<ObjectId>> found = store->Find(right, S_IFREG);
    const bool passes = error == EIO || error == ENOMEM || error == EMFILE || error == ENFILE;
    EXPECT_EQ(found.error(), passes ? error : 0);
    EXPECT_TRUE(passes || !*found);
  }
  const auto store = OriginStore::Open(*stack, /*zero_uuid=*/true);
  EXPECT_EQ(**store->Find(*store->Make(layer, fd.get()), S_IFREG), object);
  EXPECT_FALSE(*store->Find(right, S_IFDIR));
  EXPECT_FALSE(*store->Find("no origin", S_IFREG));
  // One of several links has no number of its own.
  fs::create_hard_link(At("d/f"), At("d/second"));
  EXPECT_FALSE(*store->Find(right, S_IFREG));
}

}  // namespace
}  // namespace plyfs
