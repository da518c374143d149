#include "engine/format/option_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plyfs {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

LowerList Lowers(std::string_view value, bool trailing_colon = false) {
  std::string why;
  auto list = SplitLowers(value, trailing_colon, &why);
  EXPECT_TRUE(list.has_value()) << value << ": " << why;
  return list.value_or(LowerList());
}

std::string LowersError(std::string_view value, bool trailing_colon = false) {
  std::string why;
  EXPECT_FALSE(SplitLowers(value, trailing_colon, &why).has_value()) << value;
  return why;
}

TEST(SplitOptions, AtCommasWithoutEmptyItems) {
  EXPECT_THAT(SplitOptions("workdir=/w,,volatile,"), ElementsAre("workdir=/w", "volatile"));
  EXPECT_THAT(SplitOptions(",,"), IsEmpty());
  EXPECT_THAT(SplitOptions(""), IsEmpty());
}

TEST(SplitOptions, BackslashKeepsACommaAndStays) {
  EXPECT_THAT(SplitOptions(R"(upperdir=e\,f,ro)"), ElementsAre(R"(upperdir=e\,f)", "ro"));
  EXPECT_THAT(SplitOptions(R"(a=\\,b)"), ElementsAre(R"(a=\\)", "b"));
  EXPECT_THAT(SplitOptions(R"(a=\)"), ElementsAre(R"(a=\)"));
}

TEST(SplitOptions, QuotedValueFirstMiddleLast) {
  EXPECT_THAT(SplitOptions(R"(context="a:s0:c1,c2",ro)"), ElementsAre("context=a:s0:c1,c2", "ro"));
  EXPECT_THAT(SplitOptions(R"(rw,context="a,b",ro)"), ElementsAre("rw", "context=a,b", "ro"));
  EXPECT_THAT(SplitOptions(R"(ro,context="a,b")"), ElementsAre("ro", "context=a,b"));
  EXPECT_THAT(SplitOptions(R"(context="")"), ElementsAre("context="));
}

// Quotes are ordinary bytes of a path to the kernel (M2).
TEST(SplitOptions, OtherQuotesAreOrdinary) {
  EXPECT_THAT(SplitOptions(R"(upperdir=/a"b,ro)"), ElementsAre(R"(upperdir=/a"b)", "ro"));
  EXPECT_THAT(SplitOptions(R"(upperdir="a,ro)"), ElementsAre(R"(upperdir="a)", "ro"));
  EXPECT_THAT(SplitOptions(R"(a="b"c,d="e")"), ElementsAre(R"(a=b"c,d="e)"));
  EXPECT_THAT(SplitOptions(R"(a=b="c,d")"), ElementsAre(R"(a=b="c)", R"(d")"));
}

TEST(SplitList, LinesOrNuls) {
  EXPECT_THAT(SplitList("/a\n\n#b\n/c d"), ElementsAre("/a", "#b", "/c d"));
  EXPECT_THAT(SplitList(std::string_view("/a\nb\0/c\0", 8)), ElementsAre("/a\nb", "/c"));
  EXPECT_THAT(SplitList("\n"), IsEmpty());
}

// M1, M2.
TEST(SplitLowers, LeftIsTopAndBackslashIsLiteral) {
  EXPECT_EQ(Lowers("/a:/b:/c"), (LowerList{{"/a", "/b", "/c"}, {}}));
  EXPECT_EQ(Lowers(R"(c\:d:e\,f:g\\h)"), (LowerList{{"c:d", "e,f", R"(g\h)"}, {}}));
  EXPECT_EQ(Lowers(R"(c\\:d)"), (LowerList{{R"(c\)", "d"}, {}}));
}

// M4.
TEST(SplitLowers, DataLayersAfterTwoColons) {
  EXPECT_EQ(Lowers("a:b::c::d"), (LowerList{{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(LowersError("a::b:c"), "has an ordinary layer after a data-only one");
  EXPECT_EQ(LowersError("::b"), "begins with a colon");
  EXPECT_EQ(LowersError(":a"), "begins with a colon");
  EXPECT_EQ(LowersError("a:::b"), "has three colons in a row");
  EXPECT_EQ(LowersError("a:"), "ends with a colon");
  EXPECT_EQ(LowersError("a::"), "ends with a colon");
  EXPECT_EQ(LowersError(""), "names no directory");
  EXPECT_EQ(LowersError("\\"), "ends with an empty layer");
  EXPECT_EQ(LowersError("a:\\"), "ends with an empty layer");
}

TEST(SplitLowers, TrailingColonForThoseWhoMayWriteIt) {
  EXPECT_EQ(Lowers("a:b:", true), (LowerList{{"a", "b"}, {}}));
  EXPECT_EQ(LowersError("a::", true), "ends with a colon");
  EXPECT_EQ(LowersError(":", true), "begins with a colon");
}

TEST(SplitLowersTwice, AsFuseOverlayfsReads) {
  EXPECT_THAT(*SplitLowersTwice(R"(c\\:d)"), ElementsAre("c:d"));
  EXPECT_THAT(*SplitLowersTwice(R"(c\:d)"), ElementsAre("c", "d"));
  EXPECT_THAT(*SplitLowersTwice(R"(e\,f:g\054h)"), ElementsAre("e,f", "g,h"));
  EXPECT_THAT(*SplitLowersTwice("a:b:"), ElementsAre("a", "b"));
  EXPECT_FALSE(SplitLowersTwice("a::b").has_value());
  EXPECT_EQ(UnescapeTwice(R"(c\\:d)"), "c:d");
  EXPECT_EQ(UnescapeTwice(R"(c:d)"), "c:d");
  EXPECT_EQ(UnescapeTwice(R"(g\\\\h)"), R"(g\h)");
  EXPECT_EQ(UnescapeTwice(R"(x\777)"), "x777") << "no byte";
}

std::optional<std::vector<IdMapRange>> Map(std::string_view value) {
  std::string why;
  auto map = ParseIdMap(value, &why);
  EXPECT_EQ(map.has_value(), why.empty());
  return map;
}

TEST(ParseIdMap, TriplesWithOrWithoutALeadingColon) {
  EXPECT_THAT(*Map("0:100000:65536"), ElementsAre(IdMapRange{0, 100000, 65536}));
  EXPECT_EQ(Map(":0:100000:65536"), Map("0:100000:65536"));
  EXPECT_THAT(*Map("0:1000:1:1:100000:65536"),
              ElementsAre(IdMapRange{0, 1000, 1}, IdMapRange{1, 100000, 65536}));
  EXPECT_THAT(*Map("0:0:4294967295"), ElementsAre(IdMapRange{0, 0, 4294967295u}));
}

TEST(ParseIdMap, Refused) {
  for (const char* bad :
       {"", ":", "0", "0:1", "0:1:2:3", "0:x:1", "0:1:0", "0:1:-1", "0:4294967295:1", "1:0:4294967295",
        "0:0:4294967296", "0:0:10:5:100:10", "0:0:10:20:5:10", "0:1:2:"}) {
    EXPECT_FALSE(Map(bad).has_value()) << bad;
  }
}

TEST(Numbers, NothingButTheNumber) {
  EXPECT_EQ(ParseNumber("1024", 1024), 1024u);
  for (const char* bad : {"", " 1", "1 ", "+1", "-1", "0x1", "1025", "99999999999999999999"}) {
    EXPECT_FALSE(ParseNumber(bad, 1024).has_value()) << bad;
  }
  EXPECT_EQ(ParseSize("512M"), 512u << 20);
  EXPECT_EQ(ParseSize("2g"), uint64_t{2} << 30);
  EXPECT_EQ(ParseSize("7"), 7u);
  for (const char* bad : {"", "M", "1MB", "-1", "99999999999T"})
    EXPECT_FALSE(ParseSize(bad).has_value()) << bad;
  EXPECT_EQ(ParseSeconds("1.5"), 1.5);
  EXPECT_EQ(ParseSeconds("0"), 0);
  EXPECT_EQ(ParseSeconds("1000000000"), 1e9);
  for (const char* bad : {"", "abc", "-1", "nan", "inf", "1s", "1e999"}) {
    EXPECT_FALSE(ParseSeconds(bad).has_value()) << bad;
  }
}

TEST(OneTypoApart, InsertDropChangeSwap) {
  EXPECT_TRUE(OneTypoApart("lowerdir", "lowrdir"));
  EXPECT_TRUE(OneTypoApart("lowrdir", "lowerdir"));
  EXPECT_TRUE(OneTypoApart("lowerdir", "lowerdirr"));
  EXPECT_TRUE(OneTypoApart("lowerdir", "lowesdir"));
  EXPECT_TRUE(OneTypoApart("lowerdir", "lowedrir"));
  EXPECT_FALSE(OneTypoApart("lowerdir", "lowerdir"));
  EXPECT_FALSE(OneTypoApart("lowerdir", "upperdir"));
  EXPECT_FALSE(OneTypoApart("lowerdir", "lwredir"));
  EXPECT_TRUE(OneTypoApart("", "a"));
}

TEST(Shown, OneLineOfBoundedLength) {
  EXPECT_EQ(Shown("a\nb\x7f"), "a?b?");
  EXPECT_LT(Shown(std::string(100000, 'x')).size(), 200u);
  EXPECT_EQ(Shown("/caf\xc3\xa9"), "/caf\xc3\xa9");
}

}  // namespace
}  // namespace plyfs
