#include "engine/format/mode_rules.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "engine/format/file_type.h"

namespace plyfs {
namespace {

TEST(ModeRules, A11WriteClearsSetIds) {
  EXPECT_EQ(ModeAfterWrite(S_IFREG | 06777, true), S_IFREG | 0777u);
  EXPECT_EQ(ModeAfterWrite(S_IFREG | 06777, false), S_IFREG | 0777u);
  EXPECT_EQ(ModeAfterWrite(S_IFREG | 02766, false), S_IFREG | 0766u);
  EXPECT_EQ(ModeAfterWrite(S_IFREG | 02766, true), S_IFREG | 02766u);
  EXPECT_EQ(ModeAfterWrite(S_IFREG | 01644, true), S_IFREG | 01644u);
  EXPECT_EQ(ModeAfterWrite(S_IFDIR | 06777, false), S_IFDIR | 06777u);
}

TEST(ModeRules, A10ChownClearsSetIdsOfAllButDirectories) {
  EXPECT_EQ(ModeAfterChown(S_IFREG | 06755, true), S_IFREG | 0755u);
  EXPECT_EQ(ModeAfterChown(S_IFIFO | 04644, true), S_IFIFO | 0644u);
  EXPECT_EQ(ModeAfterChown(S_IFREG | 02744, true), S_IFREG | 02744u);
  EXPECT_EQ(ModeAfterChown(S_IFREG | 02744, false), S_IFREG | 0744u);
  EXPECT_EQ(ModeAfterChown(S_IFDIR | 06755, false), S_IFDIR | 06755u);
}

TEST(ModeRules, A9ChmodGivesSetGidToMembersOnly) {
  EXPECT_EQ(ModeAfterChmod(S_IFREG | 0644, 06755, true), S_IFREG | 06755u);
  EXPECT_EQ(ModeAfterChmod(S_IFREG | 0644, 06755, false), S_IFREG | 04755u);
  EXPECT_EQ(ModeAfterChmod(S_IFDIR | 0700, S_IFREG | 0750, true), S_IFDIR | 0750u);
}

TEST(ModeRules, N16SetGidDirectoriesGiveTheirGroup) {
  EXPECT_EQ(OwnerOfNew(S_IFREG | 0644, 5, S_IFDIR | 0755, 7, true), (NewOwner{S_IFREG | 0644, 5}));
  EXPECT_EQ(OwnerOfNew(S_IFREG | 0644, 5, S_IFDIR | 02755, 7, true), (NewOwner{S_IFREG | 0644, 7}));
  EXPECT_EQ(OwnerOfNew(S_IFDIR | 0755, 5, S_IFDIR | 02755, 7, false), (NewOwner{S_IFDIR | 02755, 7}));
  EXPECT_EQ(OwnerOfNew(S_IFREG | 02755, 5, S_IFDIR | 02755, 7, false), (NewOwner{S_IFREG | 0755, 7}));
  EXPECT_EQ(OwnerOfNew(S_IFREG | 02755, 5, S_IFDIR | 02755, 7, true), (NewOwner{S_IFREG | 02755, 7}));
  EXPECT_EQ(OwnerOfNew(S_IFREG | 02745, 5, S_IFDIR | 02755, 7, false), (NewOwner{S_IFREG | 02745, 7}));
  EXPECT_EQ(OwnerOfNew(S_IFREG | 02755, 5, S_IFDIR | 0755, 7, false), (NewOwner{S_IFREG | 02755, 5}));
}

TEST(FileType, EveryTypeGoesBothWays) {
  for (uint32_t type : {S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK}) {
    EXPECT_EQ(FileTypeOf(DirentTypeOf(type | 0755)), type);
  }
  EXPECT_EQ(DirentTypeOf(S_IFCHR), DT_CHR);
  EXPECT_EQ(DirentTypeOf(0), DT_UNKNOWN);
  EXPECT_EQ(FileTypeOf(DT_UNKNOWN), 0u);
}

}  // namespace
}  // namespace plyfs
