#include "tools/plyctl/check_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "engine/format/origin.h"
#include "engine/io/privilege_for_test.h"
#include "engine/io/sys_handle.h"
#include "engine/io/temp_dir_for_test.h"

namespace plyfs::tool {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST(CheckCommand, Words) {
  std::string line;
  auto command =
      ParseCheckCommand({"u", "--lower", "a", "--lower=b:c::d", "--workdir", "w", "--repair"}, &line);
  ASSERT_TRUE(command) << line;
  EXPECT_EQ(command->upper, "u");
  EXPECT_EQ(command->workdir, "w");
  EXPECT_THAT(command->lowers, ElementsAre("a", "b", "c"));
  EXPECT_THAT(command->data, ElementsAre("d"));
  EXPECT_TRUE(command->repair);
  EXPECT_FALSE(command->userxattr || command->verbose || command->help);
  command = ParseCheckCommand({"--userxattr", "-v", "--workdir=w", "--", "--u"}, &line);
  ASSERT_TRUE(command) << line;
  EXPECT_EQ(command->upper, "--u");
  EXPECT_TRUE(command->userxattr && command->verbose && !command->repair);
  EXPECT_TRUE(ParseCheckCommand({"--help"}, &line)->help);
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"u", "v"},
                                                {"u", "--lower"},
                                                {"u", "--workdir"},
                                                {"u", "--fix"},
                                                {"u", "--lower", "a:"},
                                                {""},
                                                {"u", "--workdirs=w"},
                                                {"u", "--workdir="}}) {
    line.clear();
    EXPECT_FALSE(ParseCheckCommand(words, &line));
    EXPECT_THAT(line, StartsWith("check: "));
    EXPECT_THAT(line, HasSubstr("; "));
  }
}

// Lowers l and l2, an upper u and a work directory w.
class CheckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FullyPrivileged()) GTEST_SKIP() << "trusted.* and devices are root's";
    for (const char* name : {"l", "l2", "u", "w", "w/work"}) MakeDir(name);
    command_.upper = Path("u");
    command_.workdir = Path("w");
    command_.lowers = {Path("l"), Path("l2")};
  }

  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }
  void MakeDir(const std::string& name) { EXPECT_EQ(::mkdir(Path(name).c_str(), 0755), 0) << name; }
  void MakeWhiteout(const std::string& name) {
    EXPECT_EQ(::mknod(Path(name).c_str(), S_IFCHR, 0), 0) << name;
  }
  void Set(const std::string& name, const std::string& record, const std::string& value) {
    EXPECT_EQ(
        ::lsetxattr(Path(name).c_str(), ("trusted.overlay." + record).c_str(), value.data(), value.size(), 0),
        0);
  }
  std::string Get(const std::string& name, const std::string& record) const {
    char value[256];
    ssize_t size =
        ::lgetxattr(Path(name).c_str(), ("trusted.overlay." + record).c_str(), value, sizeof value);
    return size < 0 ? "none" : std::string(value, static_cast<size_t>(size));
  }
  // The record by which a copy of it would name it.
  std::string OriginOf(const std::string& name) const {
    UniqueFd fd = dir_.Open(name, O_PATH);
    OriginHandle origin;
    Result<sys::FileHandle> handle = sys::NameToHandleAt(fd.get());
    if (!handle.ok()) return "none";
    origin.type = static_cast<uint8_t>(handle->type);
    origin.handle = handle->bytes;
    if (Result<FsUuid> uuid = sys::FilesystemUuid(fd.get()); uuid.ok()) origin.uuid = *uuid;
    return *EncodeOrigin(origin);
  }

  // What is printed but the last line; whether all is right is in right_.
  std::vector<std::string> Run(bool repair = false) {
    command_.repair = repair;
    std::vector<std::string> lines;
    error_line_.clear();
    right_ = Check(command_, [&](const std::string& line) { lines.push_back(line); }, &error_line_);
    if (!lines.empty()) lines.pop_back();
    return lines;
  }
  // One finding, which is mended for good.
  void ExpectMended(const std::string& start) {
    EXPECT_THAT(Run(), ElementsAre(StartsWith(start)));
    EXPECT_FALSE(right_);
    EXPECT_THAT(Run(), ElementsAre(HasSubstr("; --repair mends it: ")));
    EXPECT_THAT(Run(/*repair=*/true), ElementsAre(HasSubstr("; mended: ")));
    EXPECT_TRUE(right_);
    EXPECT_THAT(Run(), IsEmpty());
    EXPECT_TRUE(right_);
  }
  void ExpectLeft(const std::string& start) {
    for (bool repair : {false, true}) {
      EXPECT_THAT(Run(repair), ElementsAre(StartsWith(start)));
      EXPECT_THAT(Run(repair), ElementsAre(HasSubstr("; left as it is: ")));
      EXPECT_FALSE(right_);
    }
  }

  TempDir dir_;
  CheckCommand command_;
  std::string error_line_;
  bool right_ = false;
};

TEST_F(CheckTest, NothingIsWrongWithNothing) {
  EXPECT_THAT(Run(), IsEmpty());
  EXPECT_TRUE(right_);
  command_.workdir.clear();
  command_.lowers.clear();
  EXPECT_THAT(Run(), ElementsAre("note: without --workdir the work directory was not checked",
                                 "note: without --lower what records lead to was not checked"));
  EXPECT_TRUE(right_);
}

TEST_F(CheckTest, RecordsThatMeanNothing) {
  MakeDir("u/d");
  Set("u/d", "opaque", "n");
  ExpectMended("\"d\": trusted.overlay.opaque \"n\" has a value that means nothing; ");
  EXPECT_EQ(Get("u/d", "opaque"), "none");
  dir_.Write("l/w", "x");
  MakeWhiteout("u/w");
  Set("u/w", "origin", "");
  ExpectMended("\"w\": trusted.overlay.origin is on a whiteout; ");
}

// rules: L13
TEST_F(CheckTest, ARedirectThatLeadsOut) {
  for (const char* name : {"u/d", "u/d/s", "l/d"}) MakeDir(name);
  Set("u/d", "redirect", "/..");
  ExpectMended("\"d\": trusted.overlay.redirect \"/..\" leads out of the layers; ");
  EXPECT_EQ(Get("u/d", "opaque"), "y");
  EXPECT_EQ(Get("u/d", "redirect"), "none");
}

// rules: L10 L11 L14
TEST_F(CheckTest, WhatRedirectsLeadTo) {
  for (const char* name : {"u/d", "u/d/s", "u/e", "l2/p", "l2/p/q", "l/p"}) MakeDir(name);
  Set("u/d", "redirect", "/p");
  Set("u/d/s", "redirect", "q");
  EXPECT_THAT(Run(), IsEmpty());
  Set("u/d/s", "redirect", "r");
  ExpectLeft("\"d/s\": trusted.overlay.redirect \"r\" leads to a directory that no lower has; ");
  Set("u/d/s", "redirect", "q");
  Set("u/e", "redirect", "p");
  ExpectLeft("\"e\": joins the same lower directory as \"d\"; ");
  // A whiteout in the upper of the two lowers.
  ::rmdir(Path("l/p").c_str());
  MakeWhiteout("l/p");
  EXPECT_EQ(Run().size(), 3u);
}

// rules: X5
TEST_F(CheckTest, AnEmptyFileAsWhiteout) {
  MakeDir("u/d");
  dir_.Write("u/d/w", "");
  Set("u/d/w", "whiteout", "");
  dir_.Write("l/w", "x");
  Set("u/d", "opaque", "x");
  EXPECT_THAT(Run(), ElementsAre("note: 1 whiteouts that hide nothing in these lowers (harmless)"));
  Set("u/d", "opaque", "y");
  MakeWhiteout("w/work/#0");  // the name is taken
  EXPECT_THAT(Run(/*repair=*/true),
              ElementsAre(HasSubstr("mended: a whiteout replaces it"), StartsWith("note: 1 ")));
  struct stat st = {};
  ASSERT_EQ(::lstat(Path("u/d/w").c_str(), &st), 0);
  EXPECT_TRUE(S_ISCHR(st.st_mode) && st.st_rdev == 0);
  EXPECT_THAT(Run(), ElementsAre(StartsWith("note: 1 ")));
}

TEST_F(CheckTest, WhiteoutsOverNothingAreNotes) {
  dir_.Write("l2/f", "x");
  MakeWhiteout("u/f");
  EXPECT_THAT(Run(), IsEmpty());
  MakeWhiteout("l/f");
  command_.verbose = true;
  EXPECT_THAT(Run(),
              ElementsAre("note: \"f\": one of the whiteouts that hide nothing in these lowers (harmless)",
                          "note: 1 whiteouts that hide nothing in these lowers (harmless)"));
  EXPECT_TRUE(right_);
}

// rules: L21 C2
TEST_F(CheckTest, Origins) {
  for (const char* name : {"l/d", "u/d", "l2/other"}) MakeDir(name);
  for (const char* name : {"l/f", "u/f", "u/g"}) dir_.Write(name, "x");
  const std::string file = OriginOf("l/f"), directory = OriginOf("l/d");
  Set("u", "impure", "y");
  Set("u/f", "origin", file);
  Set("u/d", "origin", directory);
  EXPECT_THAT(Run(), IsEmpty());
  Set("u/f", "origin", directory);
  ExpectMended("\"f\": trusted.overlay.origin leads to another type; ");
  EXPECT_EQ(Get("u/f", "origin"), "");
  std::string gone = directory;
  gone.back() ^= 1;  // of ext4: the generation
  Set("u/d", "origin", gone);
  ExpectMended("\"d\": trusted.overlay.origin leads to what is gone; ");
  EXPECT_EQ(Get("u/d", "origin"), "none");
  std::string elsewhere = file;
  elsewhere[6] ^= 1;
  Set("u/f", "origin", elsewhere);
  ExpectLeft("\"f\": trusted.overlay.origin is of a filesystem that none of these lowers lies on; ");
  Set("u/f", "origin", file);
  Set("u/g", "origin", file);
  ExpectMended("\"g\": trusted.overlay.origin is that of \"f\" too; ");
  ::lremovexattr(Path("u").c_str(), "trusted.overlay.impure");
  ExpectMended("\".\": trusted.overlay.impure is missing");
  EXPECT_EQ(Get("u", "impure"), "y");
}

// rules: S6
TEST_F(CheckTest, CopiesOfALowerFileWithTwoLinksAreFilesOfTheirOwn) {
  for (const char* name : {"l/f", "u/f", "u/g"}) dir_.Write(name, "x");
  Set("u", "impure", "y");
  for (const char* name : {"u/f", "u/g"}) Set(name, "origin", OriginOf("l/f"));
  EXPECT_EQ(Run().size(), 1u);
  std::filesystem::create_hard_link(Path("l/f"), Path("l/g"));
  EXPECT_THAT(Run(), IsEmpty());
}

// rules: M26
TEST_F(CheckTest, TheRootsOrigin) {
  Set("u", "origin", OriginOf("l"));
  EXPECT_THAT(Run(), IsEmpty());
  Set("u", "origin", OriginOf("l2"));
  ExpectLeft("\".\": trusted.overlay.origin is not of the topmost lower; ");
}

// rules: L14
TEST_F(CheckTest, OneRedirectOfTwoWithoutLowers) {
  command_.lowers.clear();
  for (const char* name : {"u/d", "u/e", "u/e/d"}) MakeDir(name);
  Set("u/d", "redirect", "p");
  Set("u/e/d", "redirect", "p");
  EXPECT_EQ(Run().size(), 1u);  // the note on lowers: the two lie in different directories
  Set("u/e", "redirect", "p");
  EXPECT_THAT(Run(),
              ElementsAre(StartsWith("\"e\": trusted.overlay.redirect leads where that of \"d\" leads; "),
                          StartsWith("note: ")));
  Set("u/e", "opaque", "y");
  EXPECT_EQ(Run().size(), 1u);
}

// rules: L16 L17
TEST_F(CheckTest, MetacopyWithoutData) {
  dir_.Write("u/f", "");
  Set("u/f", "metacopy", "");
  EXPECT_THAT(Run(), ElementsAre(StartsWith("\"f\": holds metadata only, and no lower has its data; "),
                                 StartsWith("note: 1 files that hold metadata only")));
  dir_.Write("l2/f", "data");
  EXPECT_THAT(Run(), ElementsAre(StartsWith("note: ")));
}

TEST_F(CheckTest, BothFamilies) {
  MakeDir("u/d");
  EXPECT_EQ(::setxattr(Path("u/d").c_str(), "user.overlay.opaque", "y", 1, 0), 0);
  EXPECT_THAT(Run(), ElementsAre(StartsWith("note: 1 objects with user.overlay.*")));
  Set("u/d", "overlay.anything", "x");  // escaped
  Set("u/d", "opaque", "y");
  ExpectLeft("\"d\": has records of both families");
}

// rules: S9
TEST_F(CheckTest, LinkCounts) {
  dir_.Write("l/f", "x");
  dir_.Write("u/f", "x");
  Set("u/f", "nlink", "U+1");
  ExpectMended("\"f\": trusted.overlay.nlink is on what the index does not have; ");
  MakeDir("w/index");
  std::string name;
  for (const char c : OriginOf("l/f")) {
    char hex[3];
    std::snprintf(hex, sizeof hex, "%02x", static_cast<unsigned char>(c));
    name += hex;
  }
  std::filesystem::create_hard_link(Path("u/f"), Path("w/index/" + name));
  std::filesystem::create_hard_link(Path("u/f"), Path("u/g"));
  Set("u/f", "nlink", "U-1");
  EXPECT_THAT(Run(), IsEmpty());
  Set("u/f", "nlink", "U-2");
  ExpectLeft("\"f\": trusted.overlay.nlink \"U-2\" makes 1 links of the 2 that upper has; ");
  Set("u/f", "nlink", "U-3");
  EXPECT_EQ(Run().size(), 1u);
  Set("u", "impure", "y");
  Set("u/f", "origin", OriginOf("l/f"));
  for (const char* right : {"L+1", "L+2", "U+0"}) {
    Set("u/f", "nlink", right);
    EXPECT_THAT(Run(), IsEmpty()) << right;
  }
  Set("u/f", "nlink", "L+3");
  ExpectLeft("\"f\": trusted.overlay.nlink \"L+3\" makes 4 links of the 2 that upper has; ");
}

// rules: M14-M17
TEST_F(CheckTest, WhatIsLeftInWork) {
  MakeWhiteout("w/work/#0");
  EXPECT_THAT(Run(), IsEmpty());
  dir_.Write("w/work/#1", "x");
  ExpectMended("workdir \"work/#1\": was left by a mount that was cut off; the next mount deletes it; ");
  for (const char* name : {"w/work/#2", "w/work/#2/a", "w/work/#2/a/b"}) MakeDir(name);
  ExpectMended(
      "workdir \"work/#2\": was left by a mount that was cut off; the kernel, which does not clean so deep");
  dir_.Write("w/work/mine", "x");
  ExpectLeft("workdir \"work/mine\": is no temporary of a mount");
  ::unlink(Path("w/work/mine").c_str());
  for (const char* name : {"w/work/incompat", "w/work/incompat/volatile"}) MakeDir(name);
  ExpectLeft("workdir \"work/incompat/volatile\": the last mount was volatile");
  std::filesystem::remove_all(Path("w/work/incompat"));
  MakeDir("w/index");
  dir_.Write("w/index/#a", "x");
  ExpectMended("workdir \"index/#a\": was left");
  dir_.Write("w/index/00fb", "x");
  ExpectLeft("workdir \"index/00fb\": is no name of the index");
}

TEST_F(CheckTest, WhoUsesItIsNamed) {
  UniqueFd lock = dir_.Open("u", O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  EXPECT_THAT(Run(), IsEmpty());
  EXPECT_FALSE(right_);
  EXPECT_EQ(error_line_, "check: " + Path("u") + ": in use by a mount (pid " + std::to_string(::getpid()) +
                             "); unmount that first");
}

TEST(CheckReport, OutcomesAndFigures) {
  std::vector<std::string> lines;
  auto print = [&](const std::string& line) { lines.push_back(line); };
  CheckReport report(/*repair=*/true, /*verbose=*/false, print);
  EXPECT_TRUE(report.Mend("", "a", "is bad", "made good", [] { return OkStatus(); }));
  EXPECT_FALSE(report.Mend("workdir ", "b\n", "is bad", "made good", [] { return Status(Errno(EROFS)); }));
  report.Left("", "c", "is bad", "see to it");
  report.Note("d", "oddities");
  report.Remark("more");
  report.CountDirectory();
  report.CountObject();
  report.Finish();
  EXPECT_THAT(lines, ElementsAre("\"a\": is bad; mended: made good",
                                 "workdir \"b\\n\": is bad; not mended: Read-only file system",
                                 "\"c\": is bad; left as it is: see to it", "note: 1 oddities", "note: more",
                                 "1 objects in 1 directories: 3 found, 1 mended, 2 left"));
  EXPECT_EQ(report.mended(), 1u);
  EXPECT_EQ(report.left(), 2u);
}

}  // namespace
}  // namespace plyfs::tool
