#include "engine/format/acl.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace plyfs {
namespace {

AclEntry Owner(uint16_t perm) {
  return {AclTag::kUserObj, perm};
}
AclEntry User(uint32_t id, uint16_t perm) {
  return {AclTag::kUser, perm, id};
}
AclEntry Group(uint16_t perm) {
  return {AclTag::kGroupObj, perm};
}
AclEntry NamedGroup(uint32_t id, uint16_t perm) {
  return {AclTag::kGroup, perm, id};
}
AclEntry Mask(uint16_t perm) {
  return {AclTag::kMask, perm};
}
AclEntry Other(uint16_t perm) {
  return {AclTag::kOther, perm};
}

// u::rwx,u:1000:r-x,g::r-x,m::rwx,o::---, as setfacl stores it.
const std::string kBytes(
    "\x02\0\0\0"
    "\x01\0\x07\0\xff\xff\xff\xff"
    "\x02\0\x05\0\xe8\x03\0\0"
    "\x04\0\x05\0\xff\xff\xff\xff"
    "\x10\0\x07\0\xff\xff\xff\xff"
    "\x20\0\0\0\xff\xff\xff\xff",
    44);
const Acl kAcl = {Owner(7), User(1000, 5), Group(5), Mask(7), Other(0)};

TEST(Acl, BytesAreTheKernels) {
  EXPECT_EQ(ComposeAcl(kAcl), kBytes);
  EXPECT_EQ(*ParseAcl(kBytes), kAcl);
}

TEST(Acl, HeaderAloneMeansNone) {
  auto acl = ParseAcl(std::string_view("\x02\0\0\0", 4));
  ASSERT_TRUE(acl.ok());
  EXPECT_TRUE(acl->empty());
}

TEST(Acl, SizesAndVersion) {
  for (size_t size = 0; size < kBytes.size(); ++size) {
    if (size == 4) continue;
    EXPECT_EQ(ParseAcl(kBytes.substr(0, size)).error(), EINVAL) << size;
  }
  std::string other_version = kBytes;
  other_version[0] = 1;
  EXPECT_EQ(ParseAcl(other_version).error(), EOPNOTSUPP);
  EXPECT_EQ(ParseAcl(other_version.substr(0, 5)).error(), EOPNOTSUPP);
}

TEST(Acl, PaddingIsNotAnId) {
  std::string padded = kBytes;
  padded[8] = 3;  // the owner's entry
  EXPECT_EQ(*ParseAcl(padded), kAcl);
}

TEST(Acl, LegalShapes) {
  EXPECT_TRUE(ParseAcl(ComposeAcl({Owner(6), Group(4), Other(4)})).ok());
  EXPECT_TRUE(ParseAcl(ComposeAcl({Owner(6), Group(4), Mask(4), Other(4)})).ok());
  EXPECT_TRUE(
      ParseAcl(ComposeAcl({Owner(6), User(9, 1), User(3, 2), Group(4), NamedGroup(5, 7), Mask(4), Other(4)}))
          .ok());
}

TEST(Acl, IllegalShapes) {
  const std::vector<Acl> illegal = {
      {Owner(6)},
      {Owner(6), Group(4)},
      {Group(4), Other(4)},
      {Group(4), Owner(6), Other(4)},
      {Owner(6), Owner(6), Group(4), Other(4)},
      {Owner(6), Group(4), Group(4), Other(4)},
      {Owner(6), Group(4), Other(4), Other(4)},
      {Owner(6), Group(4), Other(4), Mask(7)},
      {Owner(6), Group(4), Mask(7), Mask(7), Other(4)},
      {Owner(6), User(1, 4), Group(4), Other(4)},        // no mask
      {Owner(6), Group(4), NamedGroup(1, 4), Other(4)},  // no mask
      {Owner(6), Group(4), User(1, 4), Mask(7), Other(4)},
      {Owner(6), NamedGroup(1, 4), Group(4), Mask(7), Other(4)},
      {Owner(6), User(kAclNoId, 4), Group(4), Mask(7), Other(4)},
      {Owner(8), Group(4), Other(4)},
      {Owner(6), Group(4), {static_cast<AclTag>(0x40), 4}, Other(4)},
      {Owner(6), Group(4), {static_cast<AclTag>(0), 4}, Other(4)},
  };
  for (size_t i = 0; i < illegal.size(); ++i) {
    EXPECT_EQ(ParseAcl(ComposeAcl(illegal[i])).error(), EINVAL) << i;
  }
}

TEST(Acl, ModeOfAcl) {
  const AclMode plain = ModeOfAcl({Owner(6), Group(4), Other(1)});
  EXPECT_EQ(plain.permissions, 0641u);
  EXPECT_TRUE(plain.exact);
  const AclMode masked = ModeOfAcl({Owner(6), User(1, 7), Group(7), Mask(5), Other(0)});
  EXPECT_EQ(masked.permissions, 0650u);
  EXPECT_FALSE(masked.exact);
}

TEST(Acl, N16FileInheritsAccess) {
  auto inherited = InheritAcl(kAcl, S_IFREG | 04644);
  ASSERT_TRUE(inherited.ok());
  EXPECT_EQ(inherited->mode, S_IFREG | 04640u);
  EXPECT_EQ(inherited->access, (Acl{Owner(6), User(1000, 5), Group(5), Mask(4), Other(0)}));
  EXPECT_FALSE(inherited->default_acl);
}

TEST(Acl, N16DirectoryInheritsBoth) {
  auto inherited = InheritAcl(kAcl, S_IFDIR | 0777);
  ASSERT_TRUE(inherited.ok());
  EXPECT_EQ(inherited->mode, S_IFDIR | 0770u);
  EXPECT_EQ(inherited->access, kAcl);
  EXPECT_EQ(inherited->default_acl, kAcl);
}

TEST(Acl, N16PlainDefaultBecomesTheMode) {
  auto inherited = InheritAcl({Owner(7), Group(5), Other(5)}, S_IFREG | 0666);
  ASSERT_TRUE(inherited.ok());
  EXPECT_EQ(inherited->mode, S_IFREG | 0644u);
  EXPECT_FALSE(inherited->access);
}

TEST(Acl, SymlinksInheritNothing) {
  auto inherited = InheritAcl(kAcl, S_IFLNK | 0777);
  ASSERT_TRUE(inherited.ok());
  EXPECT_EQ(inherited->mode, S_IFLNK | 0777u);
  EXPECT_FALSE(inherited->access);
  EXPECT_FALSE(inherited->default_acl);
}

TEST(Acl, InheritFromGarbageIsEio) {
  EXPECT_EQ(InheritAcl({Owner(7)}, S_IFREG | 0666).error(), EIO);
}

}  // namespace
}  // namespace plyfs
