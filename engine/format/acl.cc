#include "engine/format/acl.h"

#include <sys/stat.h>

#include <cstddef>
#include <utility>

namespace plyfs {
namespace {

constexpr uint32_t kVersion = 2;
constexpr size_t kHeaderSize = 4;
constexpr size_t kEntrySize = 8;

// The attribute is little-endian on every machine.
uint32_t LoadLe(std::string_view bytes, size_t at, size_t size) {
  uint32_t value = 0;
  for (size_t i = size; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

void AppendLe(std::string& bytes, uint32_t value, size_t size) {
  for (size_t i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i));
}

bool IsNamed(AclTag tag) {
  return tag == AclTag::kUser || tag == AclTag::kGroup;
}

// The one legal order: owner, users, group, groups, mask, others; no mask only where nobody is named.
Status CheckLegal(const Acl& acl) {
  AclTag before{};
  bool needs_mask = false;
  for (const AclEntry& entry : acl) {
    if ((entry.perm & ~07) != 0) return Errno(EINVAL);
    if (IsNamed(entry.tag) && entry.id == kAclNoId) return Errno(EINVAL);
    needs_mask |= IsNamed(entry.tag);
    bool follows = false;
    switch (entry.tag) {
      case AclTag::kUserObj:
        follows = before == AclTag{};
        break;
      case AclTag::kUser:
        follows = before == AclTag::kUserObj || before == AclTag::kUser;
        break;
      case AclTag::kGroupObj:
        follows = before == AclTag::kUserObj || before == AclTag::kUser;
        break;
      case AclTag::kGroup:
        follows = before == AclTag::kGroupObj || before == AclTag::kGroup;
        break;
      case AclTag::kMask:
        follows = before == AclTag::kGroupObj || before == AclTag::kGroup;
        break;
      case AclTag::kOther:
        follows = before == AclTag::kMask || (!needs_mask && before == AclTag::kGroupObj);
        break;
    }
    if (!follows) return Errno(EINVAL);
    before = entry.tag;
  }
  if (before != AclTag::kOther) return Errno(EINVAL);
  return OkStatus();
}

AclEntry* Find(Acl& acl, AclTag tag) {
  for (AclEntry& entry : acl) {
    if (entry.tag == tag) return &entry;
  }
  return nullptr;
}

}  // namespace

Result<Acl> ParseAcl(std::string_view value) {
  if (value.size() < kHeaderSize) return Errno(EINVAL);
  if (LoadLe(value, 0, 4) != kVersion) return Errno(EOPNOTSUPP);
  if ((value.size() - kHeaderSize) % kEntrySize != 0) return Errno(EINVAL);
  Acl acl;
  acl.reserve((value.size() - kHeaderSize) / kEntrySize);
  for (size_t at = kHeaderSize; at < value.size(); at += kEntrySize) {
    AclEntry entry{.tag = static_cast<AclTag>(LoadLe(value, at, 2)),
                   .perm = static_cast<uint16_t>(LoadLe(value, at + 2, 2))};
    // Elsewhere the field is padding.
    if (IsNamed(entry.tag)) entry.id = LoadLe(value, at + 4, 4);
    acl.push_back(entry);
  }
  if (!acl.empty()) PLY_CHECK(CheckLegal(acl));
  return acl;
}

std::string ComposeAcl(const Acl& acl) {
  std::string value;
  value.reserve(kHeaderSize + acl.size() * kEntrySize);
  AppendLe(value, kVersion, 4);
  for (const AclEntry& entry : acl) {
    AppendLe(value, static_cast<uint16_t>(entry.tag), 2);
    AppendLe(value, entry.perm, 2);
    AppendLe(value, entry.id, 4);
  }
  return value;
}

AclMode ModeOfAcl(const Acl& acl) {
  AclMode result{.permissions = 0, .exact = true};
  uint32_t group = 0;
  std::optional<uint32_t> mask;
  for (const AclEntry& entry : acl) {
    switch (entry.tag) {
      case AclTag::kUserObj:
        result.permissions |= entry.perm << 6;
        break;
      case AclTag::kGroupObj:
        group = entry.perm;
        break;
      case AclTag::kOther:
        result.permissions |= entry.perm;
        break;
      case AclTag::kMask:
        mask = entry.perm;
        [[fallthrough]];
      case AclTag::kUser:
      case AclTag::kGroup:
        result.exact = false;
        break;
    }
  }
  result.permissions |= mask.value_or(group) << 3;
  return result;
}

Result<InheritedAcl> InheritAcl(const Acl& directory_default, uint32_t mode) {
  if (S_ISLNK(mode)) return InheritedAcl{.mode = mode, .access = {}, .default_acl = {}};
  Acl access = directory_default;
  AclEntry* owner = Find(access, AclTag::kUserObj);
  AclEntry* other = Find(access, AclTag::kOther);
  // The mask, where there is one, stands for the group's bits of the mode.
  AclEntry* group = Find(access, AclTag::kMask);
  if (!group) group = Find(access, AclTag::kGroupObj);
  if (!owner || !group || !other) return Errno(EIO);
  owner->perm &= static_cast<uint16_t>((mode >> 6) & 07);
  group->perm &= static_cast<uint16_t>((mode >> 3) & 07);
  other->perm &= static_cast<uint16_t>(mode & 07);

  const AclMode granted = ModeOfAcl(access);
  InheritedAcl inherited;
  inherited.mode = (mode & ~uint32_t{0777}) | granted.permissions;
  if (!granted.exact) inherited.access = std::move(access);
  if (S_ISDIR(mode)) inherited.default_acl = directory_default;
  return inherited;
}

}  // namespace plyfs
