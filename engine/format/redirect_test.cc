#include "engine/format/redirect.h"

#include <gtest/gtest.h>

#include <vector>

namespace plyfs {
namespace {

using namespace std::string_literals;

TEST(Redirect, L10AbsoluteAndRelative) {
  auto absolute = ParseRedirect("/a/b");
  ASSERT_TRUE(absolute.ok());
  EXPECT_TRUE(absolute->absolute);
  EXPECT_EQ(absolute->path, "/a/b");
  auto relative = ParseRedirect("n");
  ASSERT_TRUE(relative.ok());
  EXPECT_FALSE(relative->absolute);
  EXPECT_EQ(relative->path, "n");
  EXPECT_TRUE(ParseRedirect("/one").ok());
  EXPECT_TRUE(ParseRedirect("...").ok());
  EXPECT_TRUE(ParseRedirect("/..a/.b").ok());
}

TEST(Redirect, L13ShapeIsEinval) {
  for (const std::string& value :
       {""s, "/"s, "//a"s, "/a//b"s, "/a/"s, "a/b"s, "a/"s, "../a"s, "/../"s, "/\0a"s}) {
    EXPECT_EQ(ParseRedirect(value).error(), EINVAL) << value;
  }
}

TEST(Redirect, L13DotsAreNoErrorOfTheShape) {
  for (const std::string& value : {"."s, ".."s, "/.."s, "/a/../s"s, "\0a"s}) {
    EXPECT_TRUE(ParseRedirect(value).ok()) << value;
  }
}

TEST(Redirect, L13NulEndsTheValue) {
  EXPECT_EQ(ParseRedirect("a\0/b"s)->path, "a");
  EXPECT_EQ(ParseRedirect("/a/b\0/.."s)->path, "/a/b");
}

TEST(Redirect, L13LongNamesAreNoErrorOfTheValue) {
  EXPECT_TRUE(ParseRedirect(std::string(300, 'n')).ok());
  EXPECT_TRUE(ParseRedirect("/" + std::string(60000, 'n')).ok());
}

TEST(Redirect, R16ComposesFromLeafToRoot) {
  using Names = std::vector<std::string_view>;
  EXPECT_EQ(*ComposeAbsoluteRedirect(Names{"s", "n"}), "/n/s");
  EXPECT_EQ(*ComposeAbsoluteRedirect(Names{"s", "/x/y", "never"}), "/x/y/s");
  EXPECT_EQ(*ComposeAbsoluteRedirect(Names{"/moved/before", "a"}), "/moved/before");
}

TEST(Redirect, L15LongerThan256IsExdev) {
  using Names = std::vector<std::string_view>;
  const std::string long_name(250, 'n');
  auto fits = ComposeAbsoluteRedirect(Names{"abcd", long_name});
  ASSERT_TRUE(fits.ok());
  EXPECT_EQ(fits->size(), 256u);
  EXPECT_EQ(ComposeAbsoluteRedirect(Names{"abcde", long_name}).error(), EXDEV);
}

}  // namespace
}  // namespace plyfs
