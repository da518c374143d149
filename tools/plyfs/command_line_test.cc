#include "tools/plyfs/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plyfs::tool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

CommandLine Good(const std::vector<std::string>& argv) {
  std::string line;
  std::optional<CommandLine> command = ParseCommandLine(argv, &line);
  EXPECT_TRUE(command.has_value()) << line;
  return command.value_or(CommandLine());
}

std::string Bad(const std::vector<std::string>& argv) {
  std::string line;
  EXPECT_FALSE(ParseCommandLine(argv, &line).has_value());
  EXPECT_NE(line.find("; "), std::string::npos) << "no remedy: " << line;
  return line;
}

TEST(CommandLineTest, ShapesOfCallers) {
  CommandLine podman = Good({"/usr/bin/plyfs", "-o", "lowerdir=/l", "/m"});
  EXPECT_EQ(podman.mountpoint, "/m");
  EXPECT_EQ(podman.source, "");
  EXPECT_THAT(podman.option_texts, ElementsAre("lowerdir=/l"));
  CommandLine mount_fuse = Good({"plyfs", "overlay", "/m", "-o", "rw,lowerdir=/l,dev,suid"});
  EXPECT_EQ(mount_fuse.mountpoint, "/m");
  EXPECT_EQ(mount_fuse.source, "overlay");
  EXPECT_EQ(Good({"plyfs", "", "/m", "-o", "x"}).mountpoint, "/m");
  EXPECT_THAT(Good({"plyfs", "-oa", "/m", "-o", "b", "-oc"}).option_texts, ElementsAre("a", "b", "c"));
  EXPECT_EQ(Good({"plyfs", "--", "-m"}).mountpoint, "-m");
  EXPECT_EQ(Good({"plyfs", "-s", "/m"}).mountpoint, "/m");
}

TEST(CommandLineTest, Personalities) {
  EXPECT_EQ(ProgramByName("/usr/bin/plyfs"), Program::kPlyfs);
  EXPECT_EQ(ProgramByName("fuse-overlayfs"), Program::kFuseOverlayfs);
  EXPECT_EQ(ProgramByName("/sbin/mount.plyfs"), Program::kMountHelper);
  EXPECT_EQ(ProgramByName("/sbin/mount.fuse.plyfs"), Program::kMountHelper);
  EXPECT_EQ(MountFailure(Program::kMountHelper), 32);
  EXPECT_TRUE(Good({"plyfs", "-f", "/m"}).foreground);
  EXPECT_FALSE(Good({"plyfs", "-f", "/m"}).fake);
}

TEST(CommandLineTest, HelperOfMount) {
  CommandLine c = Good({"mount.plyfs", "overlay", "/m", "-n", "-v", "-o", "rw,lowerdir=/l", "-t", "plyfs"});
  EXPECT_EQ(c.mountpoint, "/m");
  EXPECT_THAT(c.option_texts, ElementsAre("rw,lowerdir=/l"));
  c = Good({"mount.plyfs", "none", "/m", "-sfn", "-N", "/proc/1/ns/mnt"});
  EXPECT_TRUE(c.fake && c.sloppy);
  EXPECT_FALSE(c.foreground);
  EXPECT_EQ(c.mount_namespace, "/proc/1/ns/mnt");
  EXPECT_THAT(Good({"mount.plyfs", "x", "/m", "-r"}).option_texts, ElementsAre("ro"));
  Bad({"mount.plyfs", "none", "/m", "-d"});
  Bad({"mount.plyfs", "none", "/m", "-t"});
}

TEST(CommandLineTest, HelpAndVersionNeedNoMountpoint) {
  EXPECT_EQ(Good({"plyfs", "-h"}).action, CommandLine::Action::kHelp);
  EXPECT_EQ(Good({"plyfs", "--help"}).action, CommandLine::Action::kHelp);
  EXPECT_EQ(Good({"fuse-overlayfs", "-V"}).action, CommandLine::Action::kVersion);
  EXPECT_EQ(Good({"plyfs", "--version"}).action, CommandLine::Action::kVersion);
}

TEST(CommandLineTest, WrongUsage) {
  EXPECT_TRUE(Bad({"plyfs"}).starts_with("mountpoint"));
  EXPECT_TRUE(Bad({"plyfs", "-o", "x"}).starts_with("mountpoint"));
  EXPECT_TRUE(Bad({"plyfs", "/m", "-o"}).starts_with("-o"));
  EXPECT_TRUE(Bad({"plyfs", "--bogus", "/m"}).starts_with("--bogus"));
  EXPECT_TRUE(Bad({"plyfs", "a", "b", "c"}).starts_with("c"));
  EXPECT_THAT(Good({"fuse-overlayfs", "--bogus", "/m"}).warnings,
              ElementsAre("unknown argument ignored: --bogus"));
}

}  // namespace
}  // namespace plyfs::tool
