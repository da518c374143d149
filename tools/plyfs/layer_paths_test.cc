#include "tools/plyfs/layer_paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace plyfs::tool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class LayerPaths : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/layer_paths.XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    dir_ = std::filesystem::canonical(name);
    before_ = std::filesystem::current_path();
    std::filesystem::current_path(dir_);
  }
  void TearDown() override {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(dir_);
  }

  void Make(const std::string& name) { ASSERT_EQ(::mkdir((dir_ + "/" + name).c_str(), 0755), 0) << name; }
  std::string At(const std::string& name) { return dir_ + "/" + name; }
  ParsedOptions Place(const std::string& text, Personality personality = Personality::kPlyfs) {
    OptionContext context;
    context.personality = personality;
    std::string line;
    Result<ParsedOptions> options = ParseMountOptions({text}, false, context, &line);
    EXPECT_TRUE(options.ok()) << line;
    if (!options.ok()) return {};
    EXPECT_TRUE(PlaceLayers(*options, personality, &line).ok()) << line;
    return *std::move(options);
  }

  std::string dir_, before_;
};

// Drop-in contract 1.4.3.
TEST_F(LayerPaths, SecondReadingOnlyWhereTheFirstIsMissing) {
  Make("c:d");
  EXPECT_THAT(Place(R"(lowerdir=c\:d)").stack.lowerdirs, ElementsAre(At("c:d")));
  EXPECT_THAT(Place(R"(lowerdir=c\\:d)").stack.lowerdirs, ElementsAre(At("c:d")));
  ParsedOptions o = Place(R"(lowerdir=c\:d,upperdir=c\\:d,workdir=c\\:d)");
  EXPECT_EQ(o.stack.upperdir, At("c:d"));
  EXPECT_EQ(o.stack.workdir, At("c:d"));
  Make("c\\");
  Make("d");
  EXPECT_THAT(Place(R"(lowerdir=c\\:d)").stack.lowerdirs, ElementsAre(At("c\\"), At("d")))
      << "both: the kernel's";
  EXPECT_THAT(Place(R"(lowerdir=x\\:y)").stack.lowerdirs, ElementsAre(At("x\\"), At("y"))) << "neither";
}

TEST_F(LayerPaths, AbsoluteWithoutTouchingDots) {
  EXPECT_THAT(Place("lowerdir=l/LINK/../diff1:/abs/../x//").stack.lowerdirs,
              ElementsAre(At("l/LINK/../diff1"), "/abs/../x//"));
  EXPECT_THAT(Place("lowerdir=a::b").stack.datadirs, ElementsAre(At("b")));
}

TEST_F(LayerPaths, RepeatedLowersOnceForFuseOverlayfs) {
  Make("a");
  Make("b");
  EXPECT_THAT(Place("lowerdir=a:b:./a", Personality::kFuseOverlayfs).stack.lowerdirs,
              ElementsAre(At("a"), At("b")));
  EXPECT_EQ(Place("lowerdir=a:b:./a").stack.lowerdirs.size(), 3u) << "refused later (ELOOP)";
}

TEST_F(LayerPaths, Mountpoint) {
  std::string line;
  Make("m");
  ASSERT_EQ(::symlink("m", "link"), 0);
  EXPECT_EQ(*PlaceMountpoint("link/../m/.", &line), At("m"));
  EXPECT_EQ(*PlaceMountpoint("link", &line), At("m"));
  EXPECT_EQ(PlaceMountpoint("none", &line).error(), ENOENT);
  EXPECT_THAT(line, HasSubstr("mountpoint none: No such file or directory; "));
  EXPECT_EQ(PlaceMountpoint("/etc/passwd", &line).error(), ENOTDIR);
  EXPECT_EQ(*PlaceMountpoint("/dev/fd/7", &line), "/dev/fd/7");
  EXPECT_EQ(MountedFd("/dev/fd/7"), 7);
  EXPECT_EQ(MountedFd("/dev/fd/x"), -1);
  EXPECT_EQ(MountedFd("/m"), -1);
}

}  // namespace
}  // namespace plyfs::tool
