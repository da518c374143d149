#include "engine/base/name.h"

#include <gtest/gtest.h>

namespace plyfs {
namespace {

TEST(Name, ParseRefusesWhatIsNoComponent) {
  for (const char* bad : {"", ".", "..", "a/b", "/"}) EXPECT_EQ(Name::Parse(bad).error(), EINVAL) << bad;
  EXPECT_EQ(Name::Parse(std::string_view("a\0b", 3)).error(), EINVAL);
  EXPECT_EQ(Name::Parse(std::string(256, 'x')).error(), ENAMETOOLONG);
  EXPECT_TRUE(Name::Parse(std::string(255, 'x')).ok());
}

TEST(Name, EqualNamesHashEqual) {
  EXPECT_EQ(Name::Trusted("abc").hash(), Name::Trusted("abc").hash());
  EXPECT_FALSE(Name::Trusted("abc") == Name::Trusted("abd"));
}

}  // namespace
}  // namespace plyfs
