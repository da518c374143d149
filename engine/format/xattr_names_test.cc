#include "engine/format/xattr_names.h"

#include <gtest/gtest.h>

namespace plyfs {
namespace {

using namespace std::string_literals;

const XattrNames kTrusted(false);
const XattrNames kUser(true);

TEST(XattrNames, RecordsBelongToTheActiveFamily) {
  EXPECT_EQ(kTrusted.Of(Record::kOpaque), "trusted.overlay.opaque");
  EXPECT_EQ(kUser.Of(Record::kOpaque), "user.overlay.opaque");
  EXPECT_EQ(kTrusted.Of(Record::kRedirect), "trusted.overlay.redirect");
  EXPECT_EQ(kTrusted.Of(Record::kOrigin), "trusted.overlay.origin");
  EXPECT_EQ(kTrusted.Of(Record::kImpure), "trusted.overlay.impure");
  EXPECT_EQ(kTrusted.Of(Record::kNlink), "trusted.overlay.nlink");
  EXPECT_EQ(kTrusted.Of(Record::kUpper), "trusted.overlay.upper");
  EXPECT_EQ(kTrusted.Of(Record::kUuid), "trusted.overlay.uuid");
  EXPECT_EQ(kTrusted.Of(Record::kMetacopy), "trusted.overlay.metacopy");
  EXPECT_EQ(kTrusted.Of(Record::kProtattr), "trusted.overlay.protattr");
  EXPECT_EQ(kTrusted.Of(Record::kWhiteout), "trusted.overlay.whiteout");
}

TEST(XattrNames, A6PrivateIsTheActiveFamilyLessTheEscaped) {
  EXPECT_TRUE(kTrusted.IsPrivate("trusted.overlay.opaque"));
  EXPECT_TRUE(kTrusted.IsPrivate("trusted.overlay."));
  EXPECT_TRUE(kTrusted.IsPrivate("trusted.overlay.overlay"));
  EXPECT_FALSE(kTrusted.IsPrivate("trusted.overlay.overlay.opaque"));
  EXPECT_FALSE(kTrusted.IsPrivate("trusted.overlay"));
  EXPECT_FALSE(kTrusted.IsPrivate("trusted.overlayfs.x"));
  EXPECT_FALSE(kTrusted.IsPrivate("user.overlay.opaque"));
  EXPECT_TRUE(kUser.IsPrivate("user.overlay.opaque"));
  EXPECT_FALSE(kUser.IsPrivate("trusted.overlay.opaque"));
}

TEST(XattrNames, A6EscapeAddsOneAndUnescapeTakesOne) {
  EXPECT_EQ(*kTrusted.Escape("trusted.overlay.opaque"), "trusted.overlay.overlay.opaque");
  EXPECT_EQ(*kTrusted.Escape("trusted.overlay.overlay.x"), "trusted.overlay.overlay.overlay.x");
  EXPECT_EQ(*kTrusted.Escape("user.overlay.opaque"), "user.overlay.opaque");
  EXPECT_EQ(*kUser.Escape("user.overlay.opaque"), "user.overlay.overlay.opaque");
  EXPECT_EQ(*kTrusted.Escape("security.capability"), "security.capability");
  for (const char* shown : {"trusted.overlay.opaque", "trusted.overlay.overlay.x", "trusted.x", "user.y"}) {
    auto stored = kTrusted.Escape(shown);
    ASSERT_TRUE(stored.ok());
    EXPECT_FALSE(kTrusted.IsPrivate(*stored));
    EXPECT_EQ(kTrusted.Unescape(*stored), shown);
  }
  EXPECT_EQ(kTrusted.Unescape("trusted.overlay.opaque"), std::nullopt);
}

TEST(XattrNames, A7BareAndTooLong) {
  EXPECT_EQ(kTrusted.Escape("trusted.overlay.").error(), EINVAL);
  EXPECT_TRUE(kUser.Escape("trusted.overlay.").ok());
  const std::string fits = "trusted.overlay." + std::string(255 - 16 - 8, 'n');
  ASSERT_TRUE(kTrusted.Escape(fits).ok());
  EXPECT_EQ(kTrusted.Escape(fits)->size(), 255u);
  EXPECT_EQ(kTrusted.Escape(fits + "n").error(), EOPNOTSUPP);
}

TEST(XattrNames, VisibleListHidesRecordsAndStripsOneEscape) {
  const std::string stored =
      "user.a\0trusted.overlay.origin\0trusted.overlay.overlay.b\0user.overlay.c\0security.d\0"s;
  EXPECT_EQ(*kTrusted.VisibleList(stored), "user.a\0trusted.overlay.b\0user.overlay.c\0security.d\0"s);
  EXPECT_EQ(*kTrusted.VisibleList(""), "");
  EXPECT_EQ(*kTrusted.VisibleList("trusted.overlay.origin\0"s), "");
}

TEST(XattrNames, ListWithoutItsLastNulIsBroken) {
  EXPECT_EQ(kTrusted.VisibleList("user.a\0user.b"s).error(), EIO);
}

}  // namespace
}  // namespace plyfs
