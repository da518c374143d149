#include "engine/format/protattr.h"

#include <gtest/gtest.h>
#include <linux/fs.h>

namespace plyfs {
namespace {

static_assert(kFlagImmutable == FS_IMMUTABLE_FL);
static_assert(kFlagAppend == FS_APPEND_FL);

TEST(Protattr, A14LettersAndFlags) {
  EXPECT_EQ(ParseProtattr("a"), kFlagAppend);
  EXPECT_EQ(ParseProtattr("i"), kFlagImmutable);
  EXPECT_EQ(ParseProtattr("ia"), kProtectFlags);
  EXPECT_EQ(ParseProtattr("aaii"), kProtectFlags);
  EXPECT_EQ(ComposeProtattr(kProtectFlags), "ai");
  EXPECT_EQ(ComposeProtattr(kFlagImmutable | FS_NODUMP_FL), "i");
  EXPECT_EQ(ComposeProtattr(0), "");
}

TEST(Protattr, L22MalformedProtectsNothing) {
  EXPECT_EQ(ParseProtattr(""), 0u);
  EXPECT_EQ(ParseProtattr("ix"), 0u);
  EXPECT_EQ(ParseProtattr(std::string_view("i\0", 2)), 0u);
  EXPECT_EQ(ParseProtattr(std::string(32, 'i')), kFlagImmutable);
  EXPECT_EQ(ParseProtattr(std::string(33, 'i')), 0u);
}

TEST(NlinkRecord, S9BothWays) {
  EXPECT_EQ(ParseNlinkRecord("U+1"), (NlinkRecord{true, 1}));
  EXPECT_EQ(ParseNlinkRecord("L-2"), (NlinkRecord{false, -2}));
  EXPECT_EQ(ParseNlinkRecord("U+0"), (NlinkRecord{true, 0}));
  EXPECT_EQ(ComposeNlinkRecord({true, 1}), "U+1");
  EXPECT_EQ(ComposeNlinkRecord({false, -2}), "L-2");
  EXPECT_EQ(ComposeNlinkRecord({true, 0}), "U+0");
}

TEST(NlinkRecord, L22MalformedIsNone) {
  for (const char* value :
       {"", "U", "U+", "U1", "X+1", "U+1x", "U+-1", "U--1", "U++1", "U+ 1", "L+99999999999", "u+1"}) {
    EXPECT_EQ(ParseNlinkRecord(value), std::nullopt) << value;
  }
}

}  // namespace
}  // namespace plyfs
