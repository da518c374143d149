#include "engine/format/record_faults.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "engine/format/origin.h"

namespace plyfs {
namespace {

using std::string_literals::operator""s;

RecordSet Object(uint32_t mode, Record record, std::string value) {
  RecordSet object;
  object.mode = mode;
  object.Of(record) = std::move(value);
  return object;
}

// "cure what; effect" of the only fault; "" where there is none.
std::string Of(const RecordSet& object, bool userxattr = false) {
  const std::vector<RecordFault> faults = FaultsOf(object, userxattr);
  if (faults.empty()) return "";
  EXPECT_EQ(faults.size(), 1u);
  const char* cures[] = {"", "remove: ", "empty: ", "cut: ", "opaque: "};
  return std::string(cures[static_cast<size_t>(faults[0].cure)]) + faults[0].what + "; " + faults[0].effect;
}

std::string Handle() {
  OriginHandle origin;
  origin.type = 1;
  origin.handle = "12345678";
  return *EncodeOrigin(origin);
}

constexpr char kIgnored[] = "plyfs and the kernel ignore it";

TEST(RecordFaults, WhatTheKernelAndPlyfsWriteIsRight) {
  for (uint32_t mode : {S_IFDIR, S_IFREG, S_IFLNK, S_IFIFO}) {
    EXPECT_EQ(Of(Object(mode, Record::kOrigin, Handle())), "");
    EXPECT_EQ(Of(Object(mode, Record::kOrigin, "")), "");
    EXPECT_EQ(Of(Object(mode, Record::kProtattr, "ai")), "");
    EXPECT_EQ(Of(Object(mode, Record::kNlink, "U+1")) == "", mode != S_IFDIR);
    EXPECT_EQ(Of(Object(mode, Record::kRedirect, "/a/b")) == "", mode == S_IFDIR || mode == S_IFREG);
    EXPECT_EQ(Of(Object(mode, Record::kImpure, "y")) == "", mode == S_IFDIR);
    EXPECT_EQ(Of(Object(mode, Record::kMetacopy, "")) == "", mode == S_IFREG);
    EXPECT_EQ(Of(Object(mode, Record::kWhiteout, "any")) == "", mode == S_IFREG);
    for (const char* value : {"y", "x"}) {
      EXPECT_EQ(Of(Object(mode, Record::kOpaque, value)) == "", mode == S_IFDIR);
    }
  }
  RecordSet root = Object(S_IFDIR, Record::kUuid, std::string(16, 'u'));
  EXPECT_EQ(Of(root), "remove: is on what can have no use for it; "s + kIgnored);
  root.is_root = true;
  EXPECT_EQ(Of(root), "");
  EXPECT_EQ(Of(RecordSet()), "");
  EXPECT_FALSE(RecordSet().any());
  EXPECT_TRUE(root.any());
}

TEST(RecordFaults, Whiteouts) {
  RecordSet device = Object(S_IFCHR, Record::kOrigin, Handle());
  EXPECT_EQ(Of(device), "");
  device.whiteout_device = true;
  EXPECT_EQ(Of(device), "remove: is on a whiteout; "s + kIgnored);
  RecordSet file = Object(S_IFREG, Record::kWhiteout, "");
  EXPECT_TRUE(file.is_xattr_whiteout());
  file.size = 1;
  EXPECT_FALSE(file.is_xattr_whiteout());
  EXPECT_EQ(Of(file), "remove: is on what can have no use for it; "s + kIgnored);
}

// rules: L5 L22
TEST(RecordFaults, ValuesThatMeanNothing) {
  for (const char* value : {"", "n", "Y", "yy", "xy"}) {
    EXPECT_EQ(Of(Object(S_IFDIR, Record::kOpaque, value)),
              "remove: has a value that means nothing; "s + kIgnored);
    if (value != "yy"s) {
      EXPECT_EQ(Of(Object(S_IFDIR, Record::kImpure, value)), "remove: is malformed; "s + kIgnored);
    }
  }
  for (const char* value : {"", "b", "ab", "aiaiaiaiaiaiaiaiaiaiaiaiaiaiaiaiai"}) {
    EXPECT_EQ(Of(Object(S_IFREG, Record::kProtattr, value)), "remove: is malformed; "s + kIgnored);
  }
  for (const char* value : {"", "U", "U+", "u+1", "U+x", "U+99999999999", "U+1 "}) {
    EXPECT_EQ(Of(Object(S_IFREG, Record::kNlink, value)), "remove: is malformed; "s + kIgnored);
  }
  RecordSet root = Object(S_IFDIR, Record::kUuid, "short");
  root.is_root = true;
  EXPECT_EQ(Of(root), "remove: is malformed; "s + kIgnored);
  EXPECT_EQ(Of(Object(S_IFDIR, Record::kUpper, Handle())),
            "remove: is on what can have no use for it; "s + kIgnored);
}

// rules: L10 L13
TEST(RecordFaults, Redirects) {
  for (const char* value : {"", "/", "//a", "/a//b", "/a/", "a/b", "./a"}) {
    EXPECT_EQ(Of(Object(S_IFDIR, Record::kRedirect, value)),
              "opaque: is malformed; plyfs and the kernel refuse to look the object up (EINVAL)")
        << value;
  }
  for (const std::string& value : {"."s, ".."s, "/.."s, "/a/../b"s, "/./a"s, "/a/."s, "\0a"s}) {
    EXPECT_EQ(Of(Object(S_IFDIR, Record::kRedirect, value)),
              "opaque: leads out of the layers; plyfs and the kernel refuse to look the object up (EACCES)")
        << value;
  }
  for (const char* value : {"...", "/a..b/..c", "a", "/a"}) {
    EXPECT_EQ(Of(Object(S_IFDIR, Record::kRedirect, value)), "") << value;
    EXPECT_EQ(Of(Object(S_IFDIR, Record::kRedirect, value), true),
              "is not for mounts with userxattr; plyfs and the kernel refuse to look the object up (EPERM)");
  }
  EXPECT_EQ(Of(Object(S_IFDIR, Record::kRedirect, "a\0"s)),
            "cut: has bytes behind a NUL; plyfs and the kernel ignore these");
}

// rules: L10 C17
TEST(RecordFaults, RedirectsThatNobodyReads) {
  RecordSet opaque = Object(S_IFDIR, Record::kRedirect, "/..");
  opaque.Of(Record::kOpaque) = "y";
  EXPECT_EQ(Of(opaque), "remove: leads out of the layers; "s + kIgnored);
  opaque.Of(Record::kOpaque) = "x";
  EXPECT_TRUE(Of(opaque).starts_with("opaque: "));
  RecordSet file = Object(S_IFREG, Record::kRedirect, "a/b");
  EXPECT_EQ(Of(file), "remove: is malformed; "s + kIgnored);
  file.Of(Record::kMetacopy) = "";
  EXPECT_EQ(Of(file), "is malformed; plyfs and the kernel refuse to look the object up (EINVAL)");
  RecordSet root = Object(S_IFDIR, Record::kRedirect, "/a/");
  root.is_root = true;
  EXPECT_EQ(Of(root), "remove: is malformed; "s + kIgnored);
}

// rules: L16 L18
TEST(RecordFaults, Metacopy) {
  for (const std::string& value : {""s, "\0\4\0\0"s, "\0\44\0\1"s + std::string(32, 'd')}) {
    EXPECT_EQ(Of(Object(S_IFREG, Record::kMetacopy, value)), "");
  }
  for (const std::string& value :
       {"y"s, "\1\4\0\0"s, "\0\5\0\0"s, "\0\4\1\0"s, "\0\105\0\1"s + std::string(65, 'd')}) {
    EXPECT_EQ(Of(Object(S_IFREG, Record::kMetacopy, value)),
              "is malformed; ignored but with verity, where opening fails (EIO)");
  }
  EXPECT_EQ(Of(Object(S_IFREG, Record::kMetacopy, ""), true),
            "is not for mounts with userxattr; plyfs and the kernel refuse to look the file up (EPERM)");
}

// rules: X1 L21
TEST(RecordFaults, Origins) {
  const std::string good = Handle();
  EXPECT_EQ(FormOf(""), OriginForm::kUnknown);
  EXPECT_EQ(FormOf(good), OriginForm::kHandle);
  auto with = [&](size_t at, char byte) {
    std::string value = good;
    value[at] = byte;
    return value;
  };
  EXPECT_EQ(FormOf(with(0, 1)), OriginForm::kElsewhere);     // a later version
  EXPECT_EQ(FormOf(with(3, 1)), OriginForm::kElsewhere);     // the other byte order
  EXPECT_EQ(FormOf(with(3, 0x40)), OriginForm::kElsewhere);  // a flag of later versions
  EXPECT_EQ(FormOf(with(1, 'x')), OriginForm::kMalformed);
  EXPECT_EQ(FormOf(with(2, 21)), OriginForm::kMalformed);
  EXPECT_EQ(FormOf(with(2, 100)), OriginForm::kMalformed);
  EXPECT_EQ(FormOf(good.substr(0, 21)), OriginForm::kMalformed);
  EXPECT_EQ(FormOf(with(2, '\xff') + std::string(300, 'x')), OriginForm::kMalformed);
  EXPECT_EQ(Of(Object(S_IFREG, Record::kOrigin, "junk")), "empty: is malformed; "s + kIgnored);
  EXPECT_EQ(Of(Object(S_IFREG, Record::kOrigin, with(0, 1))), "");
}

TEST(RecordFaults, EachFaultIsTold) {
  RecordSet object = Object(S_IFDIR, Record::kOpaque, "z");
  object.Of(Record::kImpure) = "z";
  object.Of(Record::kNlink) = "U+1";
  EXPECT_EQ(FaultsOf(object, false).size(), 3u);
}

TEST(RecordFaults, QuotedPathsAreOneSafeLine) {
  EXPECT_EQ(Quoted("a/b c"), "\"a/b c\"");
  EXPECT_EQ(Quoted("\"\\"), "\"\\\"\\\\\"");
  EXPECT_EQ(Quoted("\n\x1b[2J\x7f\xc3\xa4"), "\"\\n\\x1b[2J\\x7f\\xc3\\xa4\"");
}

}  // namespace
}  // namespace plyfs
