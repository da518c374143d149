#include "fuse/decode.h"

#include <string>

#include "gtest/gtest.h"

namespace plyfs::fuse {
namespace {

template <typename T>
std::string Raw(const T& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string MessageOf(const std::string& body, const std::string& extensions = "") {
  wire::InHeader header{};
  header.len = static_cast<uint32_t>(sizeof header + body.size() + extensions.size());
  header.opcode = wire::kMkDir;
  header.unique = 6;
  header.total_extlen = static_cast<uint16_t>(extensions.size() / 8);
  return Raw(header) + body + extensions;
}

std::string Groups(uint32_t count, std::initializer_list<uint32_t> gids) {
  std::string payload = Raw(count);
  for (uint32_t gid : gids) payload += Raw(gid);
  wire::ExtHeader header{static_cast<uint32_t>(sizeof(wire::ExtHeader) + payload.size()), wire::kExtGroups};
  std::string ext = Raw(header) + payload;
  ext.resize(wire::AlignRecord(ext.size()));
  return ext;
}

TEST(Decoder, FixedThenNamesThenBytes) {
  const std::string body = Raw(wire::RenameIn{42}) + std::string("old\0new\0data", 12);
  Decoder in(body);
  EXPECT_EQ(in.Fixed<wire::RenameIn>()->newdir, 42u);
  EXPECT_EQ(in.Component()->bytes(), "old");
  EXPECT_EQ(in.Component()->bytes(), "new");
  EXPECT_EQ(in.rest().size(), 4u);
  EXPECT_EQ(in.Bytes(5).error(), EINVAL);
  EXPECT_EQ(in.Bytes(4)->size(), 4u);
  EXPECT_TRUE(in.rest().empty());
}

TEST(Decoder, ShortFixedIsRefused) {
  const std::string body(sizeof(wire::RenameIn) - 1, 'x');
  EXPECT_EQ(Decoder(body).Fixed<wire::RenameIn>().error(), EINVAL);
}

TEST(Decoder, PrefixLeavesTheRestZero) {
  const std::string body = Raw(wire::SetXattrIn{3, 1, 99, 99});
  Decoder in(body);
  auto args = in.Prefix<wire::SetXattrIn>(wire::kSetXattrInBase);
  ASSERT_TRUE(args.ok());
  EXPECT_EQ(args->size, 3u);
  EXPECT_EQ(args->setxattr_flags, 0u);
  EXPECT_EQ(in.rest().size(), 8u);
}

TEST(Decoder, NamesMustEndInsideTheBody) {
  EXPECT_EQ(Decoder(std::string_view("abc", 3)).String().error(), EINVAL);
  EXPECT_EQ(Decoder(std::span<const char>()).String().error(), EINVAL);
  EXPECT_EQ(*Decoder(std::string_view("abc", 4)).String(), "abc");
}

TEST(Decoder, OnlyLegalComponentsAreNames) {
  for (std::string_view bad : {std::string_view("\0", 1), std::string_view(".\0", 2),
                               std::string_view("..\0", 3), std::string_view("a/b\0", 4)}) {
    EXPECT_EQ(Decoder(bad).Component().error(), EINVAL);
  }
  const std::string longest(255, 'n'), too_long(256, 'n');
  EXPECT_TRUE(Decoder({longest.c_str(), 256}).Component().ok());
  EXPECT_EQ(Decoder({too_long.c_str(), 257}).Component().error(), ENAMETOOLONG);  // S13
}

TEST(Split, LengthMustAgreeWithTheHeader) {
  Message message;
  std::string bytes = MessageOf("12345678");
  ASSERT_TRUE(Split(bytes, &message).ok());
  EXPECT_EQ(message.body.size(), 8u);
  EXPECT_EQ(message.header.unique, 6u);
  EXPECT_EQ(Split(std::string_view(bytes).substr(0, bytes.size() - 1), &message).error(), EINVAL);
  EXPECT_EQ(Split(bytes + "x", &message).error(), EINVAL);
  EXPECT_EQ(Split(std::string_view(bytes).substr(0, 39), &message).error(), EINVAL);
  EXPECT_EQ(Split({}, &message).error(), EINVAL);
}

TEST(Split, SupplementaryGroupIsTakenAndContextsSkipped) {
  // A security context block: 8 bytes of header whose second word counts contexts, then 16 of content.
  const std::string context = Raw(wire::ExtHeader{24, 1}) + std::string(16, 's');
  Message message;
  ASSERT_TRUE(Split(MessageOf("name1234", context + Groups(1, {4711})), &message).ok());
  EXPECT_EQ(message.body.size(), 8u);
  ASSERT_TRUE(message.supplementary_gid.has_value());
  EXPECT_EQ(*message.supplementary_gid, 4711u);

  ASSERT_TRUE(Split(MessageOf("name1234", context), &message).ok());
  EXPECT_FALSE(message.supplementary_gid.has_value());
  ASSERT_TRUE(Split(MessageOf("name1234", Groups(0, {})), &message).ok());
  EXPECT_FALSE(message.supplementary_gid.has_value());
}

TEST(Split, ExtensionsThatDoNotAddUpAreRefused) {
  Message message;
  EXPECT_EQ(Split(MessageOf("", Groups(2, {1})), &message).error(), EINVAL);           // count beyond the end
  EXPECT_EQ(Split(MessageOf("", Groups(0xffffffff, {1})), &message).error(), EINVAL);  // count that wraps
  EXPECT_EQ(Split(MessageOf("", Raw(wire::ExtHeader{4, 32})), &message).error(), EINVAL);  // below its header
  EXPECT_EQ(Split(MessageOf("", Raw(wire::ExtHeader{16, 32})), &message).error(), EINVAL);  // beyond the end
  EXPECT_EQ(Split(MessageOf("", Raw(wire::ExtHeader{0xffffffff, 32})), &message).error(), EINVAL);
  std::string bytes = MessageOf("12345678");
  reinterpret_cast<wire::InHeader*>(bytes.data())->total_extlen = 2;  // more than the body
  EXPECT_EQ(Split(bytes, &message).error(), EINVAL);
}

TEST(Split, ExtensionBlockAlignedAndShorterThanAHeaderCannotStand) {
  Message message;
  // One header says 9 bytes: 16 with padding, which the block has; the next must then be whole again.
  const std::string odd = Raw(wire::ExtHeader{9, 7}) + std::string(8, '\0');
  EXPECT_TRUE(Split(MessageOf("", odd), &message).ok());
}

}  // namespace
}  // namespace plyfs::fuse
