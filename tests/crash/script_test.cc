#include "tests/crash/script.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace plyfs::crash {
namespace {

std::vector<Case> Parse(const std::string& text) {
  std::vector<Case> cases;
  std::string error;
  EXPECT_TRUE(ParseScript(text, &cases, &error)) << error;
  return cases;
}

TEST(ScriptTest, CasesAndTheirWords) {
  auto cases = Parse("# about\ncase a b\nredirect\nbefore unlink path=x\nchattr path=y a=16\n\ncase c\n");
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].name, "a b");
  EXPECT_TRUE(cases[0].redirect);
  EXPECT_FALSE(cases[0].sync || cases[0].once || cases[1].redirect);
  ASSERT_EQ(cases[0].before.size(), 1u);
  EXPECT_EQ(ActText(cases[0].before[0]), "unlink path=x");
  ASSERT_EQ(cases[0].acts.size(), 1u);
  EXPECT_EQ(ActText(cases[0].acts[0]), "chattr path=y a=16");
}

TEST(ScriptTest, WhatCannotBeReadIsNamed) {
  std::vector<Case> cases;
  std::string error;
  EXPECT_FALSE(ParseScript("case a\nunlnk path=x\n", &cases, &error));
  EXPECT_EQ(error, "script: line 2: neither a word of the script nor a step");
  cases.clear();
  EXPECT_FALSE(ParseScript("unlink path=x\n", &cases, &error));
}

// Every operation that the differential test has, but for what needs no daemon or changes nothing here.
TEST(ScriptTest, TheScriptHoldsEveryOperation) {
  std::ifstream in(PLYFS_CRASH_SCRIPT);
  std::stringstream text;
  text << in.rdbuf();
  std::set<diff::Op> used;
  std::set<std::string> names;
  for (const Case& c : Parse(text.str())) {
    EXPECT_TRUE(names.insert(c.name).second) << c.name << " stands there twice";
    for (const auto* acts : {&c.before, &c.acts}) {
      for (const Act& act : *acts) used.insert(act.step.op);
    }
  }
  using diff::Op;
  const std::set<Op> not_here = {Op::kFlock, Op::kAccess, Op::kExec, Op::kMmapRead, Op::kMmapWrite};
  for (int op = 0; op < static_cast<int>(Op::kRemount); ++op) {
    const Op which = static_cast<Op>(op);
    EXPECT_NE(used.contains(which), not_here.contains(which)) << diff::OpName(which);
  }
}

}  // namespace
}  // namespace plyfs::crash
