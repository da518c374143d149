// The table of mount options against what plyfs understands.
#include "tests/plyfuzz/mount_options.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "engine/format/mount_flags.h"
#include "engine/format/mount_options.h"
#include "tools/plyfs/help.h"

namespace plyfs::fuzz {
namespace {

std::string NameOf(const std::string& option) {
  return option.substr(0, option.find('='));
}

TEST(MountOptionsTest, EveryOptionIsDrawnOrSaidNotToMatter) {
  for (const std::string& option : KnownOptions()) EXPECT_NE(FindMountOption(option), nullptr) << option;
  // Flags are no options of plyfs's own; its help lists them.
  std::istringstream help(tool::HelpText(tool::Program::kPlyfs));
  int flags = 0;
  for (std::string word; help >> word;) {
    if (!MountFlags().Apply(word)) continue;
    EXPECT_NE(FindMountOption(word), nullptr) << word;
    ++flags;
  }
  EXPECT_GT(flags, 30);
}

TEST(MountOptionsTest, NoneIsListedThatThereIsNot) {
  std::set<std::string> known = {"@FILE", "x-*", "X-*"};  // ways to write options
  for (const std::string& option : KnownOptions()) known.insert(NameOf(option));
  for (const MountOption& option : MountOptions()) {
    EXPECT_TRUE(known.contains(option.name) || MountFlags().Apply(option.name)) << option.name;
  }
}

TEST(MountOptionsTest, WhatIsDrawnIsUnderstood) {
  for (const MountOption& option : MountOptions()) {
    const bool drawn = option.drawn != Drawn::kMade && option.drawn != Drawn::kNotDrawn;
    EXPECT_EQ(drawn, !option.values.empty()) << option.name;
    EXPECT_EQ(drawn, option.what.empty()) << option.name;
    for (const std::string& value : option.values) {
      std::string error;
      EXPECT_TRUE(ParseMountOptions({"lowerdir=/a,upperdir=/b,workdir=/c," + value}, true, {}, &error).ok())
          << error;
    }
  }
}

TEST(MountOptionsTest, EachIsDrawnBySomeSeed) {
  for (const Drawn drawn : {Drawn::kNeutral, Drawn::kOwn}) {
    std::string all;
    for (uint64_t seed = 0; seed < 500; ++seed) {
      diff::Dice dice(seed);
      all += "," + DrawMountOptions(drawn, &dice);
    }
    for (const MountOption& option : MountOptions()) {
      if (option.drawn != drawn) continue;
      for (const std::string& value : option.values)
        EXPECT_NE((all + ",").find("," + value + ","), std::string::npos) << value;
    }
  }
}

}  // namespace
}  // namespace plyfs::fuzz
