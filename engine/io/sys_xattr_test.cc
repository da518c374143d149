#include "engine/io/sys_xattr.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <memory>
#include <set>
#include <string>
#include <tuple>

#include "engine/io/fault.h"
#include "engine/io/privilege_for_test.h"
#include "engine/io/sys_dir.h"
#include "engine/io/temp_dir_for_test.h"

namespace plyfs::sys {
namespace {

std::set<std::string> Names(const std::string& list) {
  std::set<std::string> names;
  for (size_t at = 0; at < list.size(); at += std::string(list.c_str() + at).size() + 1) {
    names.insert(list.c_str() + at);
  }
  names.erase("security.selinux");
  return names;
}

// On each filesystem, on this kernel and as on one without the calls by directory and name.
class XattrTest : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {
 protected:
  void SetUp() override {
    if (!FullyPrivileged()) GTEST_SKIP() << "trusted.* needs root";
  }
  TempDir dir_{std::get<0>(GetParam())};
  std::unique_ptr<FaultPlan> plan_ = *FaultPlan::Parse(std::get<1>(GetParam()));
  ScopedFaults faults_{plan_.get()};
};
INSTANTIATE_TEST_SUITE_P(Each, XattrTest,
                         ::testing::Combine(::testing::Values("/tmp", "/dev/shm"),
                                            ::testing::Values("", "linux6.1")));

TEST_P(XattrTest, PathAndRealDescriptorsSeeTheSame) {
  UniqueFd real = dir_.Write("f", "");
  UniqueFd path = dir_.Open("f", O_PATH);
  ASSERT_TRUE(SetXattr(path.get(), "trusted.one", std::string_view("a\0b", 3)).ok());
  ASSERT_TRUE(FSetXattr(real.get(), "trusted.two", "").ok());
  EXPECT_EQ(*FGetXattr(real.get(), "trusted.one"), std::string("a\0b", 3));
  EXPECT_EQ(*GetXattr(path.get(), "trusted.two"), "");
  EXPECT_EQ(Names(*ListXattr(path.get())), (std::set<std::string>{"trusted.one", "trusted.two"}));
  EXPECT_EQ(*ListXattr(path.get()), *FListXattr(real.get()));
  ASSERT_TRUE(RemoveXattr(path.get(), "trusted.one").ok());
  ASSERT_TRUE(FRemoveXattr(real.get(), "trusted.two").ok());
  EXPECT_EQ(*ListXattr(path.get()), "");
}

TEST_P(XattrTest, NamesByDirectoryAndName) {
  UniqueFd real = dir_.Write("f", "");
  ASSERT_TRUE(FSetXattr(real.get(), "trusted.one", "1").ok());
  ASSERT_TRUE(SymlinkAt("f", dir_.fd(), "l").ok());
  EXPECT_EQ(Names(*ListXattrAt(dir_.fd(), "f")), std::set<std::string>{"trusted.one"});
  EXPECT_EQ(*ListXattrAt(dir_.fd(), "l"), "");  // of the link itself
  EXPECT_EQ(ListXattrAt(dir_.fd(), "none").error(), ENOENT);
}

TEST_P(XattrTest, ErrnoIsKept) {
  UniqueFd real = dir_.Write("f", "");
  EXPECT_EQ(GetXattr(real.get(), "trusted.none").error(), ENODATA);
  EXPECT_EQ(FRemoveXattr(real.get(), "trusted.none").error(), ENODATA);
  EXPECT_EQ(SetXattr(real.get(), "trusted.none", "x", XATTR_REPLACE).error(), ENODATA);
  EXPECT_EQ(SetXattr(real.get(), "nofamily", "x").error(), EOPNOTSUPP);
  UniqueFd path = dir_.Open("f", O_PATH);
  EXPECT_EQ(FGetXattr(path.get(), "trusted.none").error(), EBADF);
}

TEST_P(XattrTest, LongValuesComeWhole) {
  UniqueFd real = dir_.Write("f", "");
  for (size_t size : {255, 256, 257, 3000}) {
    std::string value(size, 'v');
    ASSERT_TRUE(FSetXattr(real.get(), "trusted.long", value).ok()) << size;
    EXPECT_EQ(*GetXattr(real.get(), "trusted.long"), value);
    EXPECT_EQ(*FGetXattr(real.get(), "trusted.long"), value);
  }
  char small[10];
  EXPECT_EQ(GetXattr(real.get(), "trusted.long", small, sizeof small).error(), ERANGE);
  EXPECT_EQ(*GetXattr(real.get(), "trusted.long", nullptr, 0), 3000u);
}

TEST_P(XattrTest, SymlinkDescriptorActsOnTheSymlinkItself) {
  UniqueFd target = dir_.Write("target", "");
  ASSERT_TRUE(SymlinkAt("target", dir_.fd(), "l").ok());
  UniqueFd link = dir_.Open("l", O_PATH);
  ASSERT_TRUE(SetXattr(link.get(), "trusted.on", "link").ok());
  EXPECT_EQ(*GetXattr(link.get(), "trusted.on"), "link");
  EXPECT_EQ(Names(*ListXattr(link.get())), std::set<std::string>{"trusted.on"});
  EXPECT_EQ(FGetXattr(target.get(), "trusted.on").error(), ENODATA);
  EXPECT_EQ(SetXattr(link.get(), "user.on", "x").error(), EPERM);
  EXPECT_TRUE(RemoveXattr(link.get(), "trusted.on").ok());
}

TEST_P(XattrTest, DirectoriesAndDevicesByPathDescriptor) {
  ASSERT_TRUE(MkdirAt(dir_.fd(), "d", 0700).ok());
  ASSERT_TRUE(MknodAt(dir_.fd(), "c", S_IFCHR, 0).ok());
  for (const char* name : {"d", "c"}) {
    UniqueFd path = dir_.Open(name, O_PATH);
    ASSERT_TRUE(SetXattr(path.get(), "trusted.overlay.opaque", "y", XATTR_CREATE).ok());
    EXPECT_EQ(SetXattr(path.get(), "trusted.overlay.opaque", "y", XATTR_CREATE).error(), EEXIST);
    EXPECT_EQ(*GetXattr(path.get(), "trusted.overlay.opaque"), "y");
    EXPECT_EQ(Names(*ListXattr(path.get())), std::set<std::string>{"trusted.overlay.opaque"});
    EXPECT_TRUE(RemoveXattr(path.get(), "trusted.overlay.opaque").ok());
    EXPECT_EQ(RemoveXattr(path.get(), "trusted.overlay.opaque").error(), ENODATA);
  }
}

TEST_P(XattrTest, AChildDoesNotUseItsParentsDescriptors) {
  UniqueFd file = dir_.Write("f", "");
  UniqueFd path = dir_.Open("f", O_PATH);
  ASSERT_TRUE(SetXattr(path.get(), "trusted.who", "f").ok());
  pid_t child = ::fork();
  if (child == 0) {
    // The same number, another file.
    UniqueFd other(::openat(dir_.fd(), "g", O_RDWR | O_CREAT, 0600));
    UniqueFd other_path = dir_.Open("g", O_PATH);
    ::dup2(other_path.get(), path.get());
    ::_exit(SetXattr(path.get(), "trusted.who", "g").ok() && *FGetXattr(other.get(), "trusted.who") == "g"
                ? 0
                : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(*FGetXattr(file.get(), "trusted.who"), "f");
}

}  // namespace
}  // namespace plyfs::sys
