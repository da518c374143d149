#include "tools/plyctl/index_command.h"

#include <gtest/gtest.h>

namespace plyfs::tool {
namespace {

TEST(IndexCommand, LayersAndTheirFolder) {
  std::string line;
  auto command = ParseIndexCommand({"--index-dir", "/i", "a", "b"}, &line);
  ASSERT_TRUE(command);
  EXPECT_EQ(command->index_dir, "/i");
  EXPECT_EQ(command->layers, (std::vector<std::string>{"a", "b"}));
  command = ParseIndexCommand({"a", "--index-dir=/j", "--", "--b"}, &line);
  ASSERT_TRUE(command);
  EXPECT_EQ(command->index_dir, "/j");
  EXPECT_EQ(command->layers, (std::vector<std::string>{"a", "--b"}));
}

TEST(IndexCommand, WrongUsageIsNamed) {
  std::string line;
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"--index-dir"},
                                                {"--index-dir", "/i"},
                                                {"-x", "a"},
                                                {"--indexdir=/i", "a"}}) {
    line.clear();
    EXPECT_FALSE(ParseIndexCommand(words, &line));
    EXPECT_TRUE(line.starts_with("index: ")) << line;
  }
  EXPECT_TRUE(ParseIndexCommand({"--help"}, &line)->help);
}

TEST(IndexCommand, WhereFilesGo) {
  EXPECT_EQ(CacheFolder("/c", "/home/a", true), "/c/plyfs");
  EXPECT_EQ(CacheFolder("relative", "/home/a", false), "/home/a/.cache/plyfs");
  EXPECT_EQ(CacheFolder(nullptr, "/root", true), "/var/cache/plyfs");
  EXPECT_EQ(CacheFolder("", nullptr, false), "");
}

}  // namespace
}  // namespace plyfs::tool
