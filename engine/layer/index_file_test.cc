// Layer indices written from real directories and read back; on ext4 (/tmp) and tmpfs (/dev/shm).
#include "engine/layer/index_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "engine/base/log.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/index_writer.h"
#include "engine/layer/indexed.h"
#include "engine/layer/layer.h"
#include "engine/layer/object.h"

namespace plyfs {
namespace {

namespace fs = std::filesystem;

std::atomic<int> g_lines{0};

class IndexFileTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    std::string name = std::string(GetParam()) + "/plyfs-index-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    fs::create_directories(root_ / "layer");
    fs::create_directories(root_ / "files");
    g_lines = 0;
    SetLogSink([](std::string_view) { ++g_lines; });
  }
  void TearDown() override {
    SetLogSink(nullptr);
    fs::remove_all(root_);
  }
  std::string At(const std::string& path) const { return root_ / "layer" / path; }
  void Put(const std::string& path, const std::string& text = "x") {
    fs::create_directories(fs::path(At(path)).parent_path());
    std::ofstream(At(path)) << text;
  }
  // The folder's one file.
  std::string File() const { return fs::directory_iterator(root_ / "files")->path(); }

  void Write() {
    std::string why;
    folder_ = *OpenIndexFolder(root_ / "files", &why);
    auto written = WriteLayerIndex(root_ / "layer", folder_.get(), [](const IndexProgress&) {}, &why);
    ASSERT_TRUE(written.ok()) << why;
    written_ = *written;
  }
  std::unique_ptr<IndexFile> Open(bool frozen = true, size_t memory = 1 << 20) {
    layer_ = *Layer::Open(0, root_ / "layer");
    memory_ = std::make_unique<IndexMemory>(memory);
    why_.clear();
    return IndexFile::Open(folder_.get(), *layer_, IndexFile::Terms{frozen, false}, memory_.get(), &why_);
  }
  std::string Refusal(bool frozen = true) {
    EXPECT_EQ(Open(frozen), nullptr);
    return why_;
  }
  void Overwrite(off_t at, const std::string& bytes) {
    int fd = ::open(File().c_str(), O_WRONLY);
    ASSERT_EQ(::pwrite(fd, bytes.data(), bytes.size(), at), static_cast<ssize_t>(bytes.size()));
    ::close(fd);
  }
  static std::set<std::string> Names(IndexFile& file, const std::string& path) {
    std::set<std::string> names;
    auto dir = file.Find(path);
    EXPECT_TRUE(dir) << path;
    if (!dir) return names;
    EXPECT_TRUE(file.Visit(*dir,
                           [&](const IndexEntryView& entry) {
                             names.emplace(entry.name());
                             return OkStatus();
                           })
                    .ok());
    return names;
  }

  fs::path root_;
  UniqueFd folder_;
  IndexProgress written_;
  std::unique_ptr<Layer> layer_;
  std::unique_ptr<IndexMemory> memory_;
  std::string why_;
};

TEST_P(IndexFileTest, HoldsWhatTheLayerHolds) {
  Put("d/e/f", "text");
  Put("d/g", "");
  ASSERT_EQ(::symlink("e/f", At("d/link").c_str()), 0);
  ASSERT_EQ(::mkfifo(At("fifo").c_str(), 0600), 0);
  ASSERT_EQ(::link(At("d/g").c_str(), At("h").c_str()), 0);
  ASSERT_EQ(::chmod(At("d/g").c_str(), 06751), 0);
  Write();
  EXPECT_EQ(written_.directories, 3u);
  EXPECT_EQ(written_.entries, 7u);
  auto file = Open();
  ASSERT_TRUE(file) << why_;
  for (const char* path : {"d", "d/e", "d/e/f", "d/g", "d/link", "fifo", "h"}) {
    const fs::path at = path;
    auto answer = file->Ask(at.has_parent_path() ? at.parent_path().string() : ".", at.filename().string());
    ASSERT_TRUE(answer.known && answer.held) << path;
    const struct statx now = *sys::Statx(AT_FDCWD, At(path).c_str());
    const struct statx then = StatOf(answer.held->entry, layer_->device());
    EXPECT_EQ(ObjectIdOf(now), ObjectIdOf(then)) << path;
    EXPECT_EQ(now.stx_mode, then.stx_mode) << path;
    EXPECT_EQ(now.stx_size, then.stx_size) << path;
    EXPECT_EQ(now.stx_nlink, then.stx_nlink) << path;
    EXPECT_EQ(now.stx_blocks, then.stx_blocks) << path;
    EXPECT_EQ(AttrOf(now).mtime, AttrOf(then).mtime) << path;
    EXPECT_EQ(AttrOf(now).ctime, AttrOf(then).ctime) << path;
    EXPECT_EQ(AttrOf(now).btime, AttrOf(then).btime) << path;
  }
  EXPECT_EQ(file->Ask("d", "link").held->entry.target(), "e/f");
  EXPECT_EQ(Names(*file, "."), (std::set<std::string>{"d", "fifo", "h"}));
  EXPECT_EQ(Names(*file, "d"), (std::set<std::string>{"e", "g", "link"}));
  auto absent = file->Ask("d", "no");
  EXPECT_TRUE(absent.known && !absent.held);
  EXPECT_FALSE(file->Ask("no", "no").known);
  EXPECT_FALSE(file->Find("d/g"));
}

// They have no place of their own in the file.
TEST_P(IndexFileTest, DirectoriesThatHoldNothing) {
  Put("d/f", "f");
  fs::create_directories(At("d/empty"));
  fs::create_directories(At("empty"));
  Write();
  EXPECT_EQ(written_.directories, 4u);
  auto file = Open();
  ASSERT_TRUE(file) << why_;
  for (const char* path : {"d/empty", "empty"}) {
    EXPECT_EQ(Names(*file, path), std::set<std::string>()) << path;
    auto dir = file->Find(path);
    ASSERT_TRUE(dir) << path;
    const struct statx now = *sys::Statx(AT_FDCWD, At(path).c_str());
    EXPECT_EQ(ObjectIdOf(now), ObjectIdOf(StatOf(dir->itself(), layer_->device()))) << path;
    EXPECT_EQ(AttrOf(now).mtime, dir->itself().attr().mtime) << path;
    auto answer = file->Ask(path, "f");
    EXPECT_TRUE(answer.known && !answer.held) << path;
  }
  for (const char* path : {"d/f", "d/f/g", "none", "d/none", "none/none"}) {
    EXPECT_FALSE(file->Find(path)) << path;
    EXPECT_FALSE(file->Ask(path, "f").known) << path;
  }
}

TEST_P(IndexFileTest, RecordsAndWhetherThereIsMore) {
  if (::geteuid() != 0) GTEST_SKIP() << "trusted.* needs privilege";
  Put("opaque/f");
  Put("plain/f");
  ASSERT_EQ(::setxattr(At("opaque").c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
  ASSERT_EQ(::setxattr(At("plain/f").c_str(), "trusted.other", "v", 1, 0), 0);
  ASSERT_EQ(::mknod(At("gone").c_str(), S_IFCHR, 0), 0);
  Write();
  auto file = Open();
  ASSERT_TRUE(file) << why_;
  auto opaque = file->Ask(".", "opaque");
  EXPECT_EQ(opaque.held->entry.record("trusted.overlay.opaque"), "y");
  EXPECT_EQ(file->Find("opaque")->itself().record("trusted.overlay.opaque"), "y");
  EXPECT_FALSE(HasNoXattrs(opaque.held->entry));
  EXPECT_FALSE(HasNoXattrs(file->Ask("plain", "f").held->entry));
  EXPECT_TRUE(HasNoXattrs(file->Ask("opaque", "f").held->entry));
  EXPECT_TRUE(ScannedOf(file->Ask(".", "gone").held->entry, XattrNames(false), false).whiteout);
}

TEST_P(IndexFileTest, ALargeDirectoryAndManySmallOnes) {
  std::set<std::string> all;
  for (int i = 0; i < 2000; ++i) {
    Put("big/" + std::to_string(i), "");
    all.insert(std::to_string(i));
  }
  for (int i = 0; i < 600; ++i) Put("s" + std::to_string(i) + "/f", "");
  Write();
  // Far less memory than it takes whole.
  auto file = Open(true, 100'000);
  ASSERT_TRUE(file) << why_;
  EXPECT_EQ(Names(*file, "big"), all);
  for (const std::string& name : all) EXPECT_TRUE(file->Ask("big", name).held) << name;
  EXPECT_FALSE(file->Ask("big", "").known);
  for (const char* name : {"-1", "2000", "zz", "0a"}) EXPECT_FALSE(file->Ask("big", name).held) << name;
  for (int i = 0; i < 600; ++i) EXPECT_TRUE(file->Ask("s" + std::to_string(i), "f").held) << i;
  EXPECT_LE(memory_->bytes(), 140'000u);
  EXPECT_GT(memory_->bytes(), 0u);
}

TEST_P(IndexFileTest, AnotherLayersFileIsRefused) {
  Put("f");
  Write();
  const std::string name = File();
  std::string other_bytes;
  fs::rename(root_ / "layer", root_ / "other");
  fs::create_directories(root_ / "layer");
  Write();  // a second file, of the directory that is there now
  ASSERT_EQ(std::distance(fs::directory_iterator(root_ / "files"), fs::directory_iterator()), 2);
  for (const auto& entry : fs::directory_iterator(root_ / "files")) {
    if (entry.path() != name) fs::copy_file(name, entry.path(), fs::copy_options::overwrite_existing);
  }
  EXPECT_EQ(Refusal(), "of another layer");
}

TEST_P(IndexFileTest, NoFileIsNoRefusal) {
  Write();
  fs::remove(File());
  EXPECT_EQ(Refusal(), "");
}

TEST_P(IndexFileTest, AChangedRootIsRefusedWhereFrozenOnly) {
  Write();
  ASSERT_EQ(::chmod(At("").c_str(), 0700), 0);
  EXPECT_NE(Refusal(true), "");
  EXPECT_TRUE(Open(false));
}

TEST_P(IndexFileTest, WhatOthersMayWriteIsRefused) {
  Write();
  for (mode_t mode : {0620, 0602, 0666}) {
    ASSERT_EQ(::chmod(File().c_str(), mode), 0);
    EXPECT_EQ(Refusal(), "others may write to it");
  }
  if (::geteuid() == 0) {
    ASSERT_EQ(::chmod(File().c_str(), 0644), 0);
    ASSERT_EQ(::chown(File().c_str(), 1000, 0), 0);
    EXPECT_EQ(Refusal(), "it belongs to somebody else");
  }
  std::string why;
  ASSERT_EQ(::chmod((root_ / "files").c_str(), 01777), 0);
  EXPECT_EQ(OpenIndexFolder(root_ / "files", &why).error(), EPERM);
}

TEST_P(IndexFileTest, WhatIsNoFileIsRefused) {
  Write();
  const std::string name = File();
  fs::rename(name, root_ / "aside");
  ASSERT_EQ(::symlink((root_ / "aside").c_str(), name.c_str()), 0);
  EXPECT_NE(Refusal(), "");
  fs::remove(name);
  ASSERT_EQ(::mkfifo(name.c_str(), 0600), 0);  // must not be waited for
  EXPECT_EQ(Refusal(), "not a file");
  fs::remove(name);
  std::ofstream(name) << "";
  EXPECT_EQ(Refusal(), "not a layer index");
}

TEST_P(IndexFileTest, EveryShorterFileIsRefused) {
  Put("f");
  Write();
  const auto size = fs::file_size(File());
  for (uintmax_t cut = 1; cut <= size; cut += 7) {
    fs::resize_file(File(), size - cut);
    EXPECT_NE(Refusal(), "") << cut;
  }
}

TEST_P(IndexFileTest, TruncatedUnderLoadItKnowsNothingAnyMoreAndSaysSoOnce) {
  for (int i = 0; i < 1000; ++i) Put("d" + std::to_string(i % 50) + "/" + std::to_string(i), "");
  Write();
  auto file = Open();
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->Find("d0"));
  fs::resize_file(File(), 600);
  int known = 0;
  for (int i = 0; i < 50; ++i) {
    auto answer = file->Ask("d" + std::to_string(i), std::to_string(i));
    if (answer.known) {
      EXPECT_TRUE(answer.held);
      ++known;
    }
  }
  EXPECT_LT(known, 50);
  EXPECT_EQ(g_lines, 1);
}

TEST_P(IndexFileTest, OverwrittenUnderLoadItKnowsNothingAnyMore) {
  Put("d/f");
  Write();
  auto file = Open();
  ASSERT_TRUE(file);
  Overwrite(600, "overwritten");
  EXPECT_FALSE(file->Find("d"));
  EXPECT_FALSE(file->Find("."));
  EXPECT_EQ(g_lines, 1);
}

TEST_P(IndexFileTest, ThreadsThatReadWhileItIsTruncated) {
  for (int i = 0; i < 3000; ++i) Put("d" + std::to_string(i % 300) + "/" + std::to_string(i), "");
  Write();
  auto file = Open(true, 70'000);
  ASSERT_TRUE(file);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t; i < 3000; i += 4) {
        auto answer = file->Ask("d" + std::to_string(i % 300), std::to_string(i));
        if (answer.known && !answer.held) ++wrong;
      }
    });
  }
  fs::resize_file(File(), fs::file_size(File()) / 2);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(g_lines, 1);
}

TEST_P(IndexFileTest, WritingAgainTakesTheOldFilesPlace) {
  Put("f");
  Write();
  auto before = Open();
  Put("g");
  Write();
  ASSERT_EQ(std::distance(fs::directory_iterator(root_ / "files"), fs::directory_iterator()), 1);
  EXPECT_EQ(Names(*before, "."), std::set<std::string>{"f"});
  auto after = Open();
  EXPECT_EQ(Names(*after, "."), (std::set<std::string>{"f", "g"}));
}

TEST_P(IndexFileTest, JustChangedDirectoriesAreDoubtful) {
  Put("new/f");
  Put("old/f");
  const struct timespec times[2] = {{1000, 0}, {1000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, At("old").c_str(), times, 0), 0);
  Write();
  auto file = Open(false);
  EXPECT_TRUE(file->Doubtful(file->Find("new")->itself().attr().mtime));
  EXPECT_FALSE(file->Doubtful(file->Find("old")->itself().attr().mtime));
}

TEST_P(IndexFileTest, TheWalkStaysInTheLayer) {
  fs::create_directories(root_ / "outside");
  std::ofstream(root_ / "outside/secret") << "";
  Put("d/f");
  ASSERT_EQ(::symlink((root_ / "outside").c_str(), At("d/way_out").c_str()), 0);
  ASSERT_EQ(::symlink("..", At("d/up").c_str()), 0);
  Write();
  auto file = Open();
  EXPECT_FALSE(file->Find("d/way_out"));
  EXPECT_FALSE(file->Find("d/up"));
  EXPECT_EQ(written_.directories, 2u);
}

INSTANTIATE_TEST_SUITE_P(Filesystems, IndexFileTest, ::testing::Values("/tmp", "/dev/shm"));

}  // namespace
}  // namespace plyfs
