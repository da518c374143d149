// POSIX ACLs: values parsed, written again, and inherited.
//
// unit: engine/format/acl.cc
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "engine/format/acl.h"
#include "fuzz/input.h"

namespace plyfs::fuzz {
namespace {

void Inherit(const Acl& acl, uint32_t mode) {
  const Result<InheritedAcl> inherited = InheritAcl(acl, mode);
  Require(inherited.ok());
  Require((inherited->mode & ~0777u) == (mode & ~0777u));
  Require((inherited->mode & 0777 & ~mode) == 0);  // nothing is granted that was not asked for
  Require(inherited->default_acl.has_value() == S_ISDIR(mode));
  if (inherited->default_acl) Require(*inherited->default_acl == acl);
  if (S_ISLNK(mode)) Require(inherited->mode == mode && !inherited->access);
  if (!inherited->access) return;
  const AclMode said = ModeOfAcl(*inherited->access);
  Require(!said.exact && said.permissions == (inherited->mode & 0777));
  // The access ACL names who the default ACL names.
  Require(inherited->access->size() == acl.size());
}

// What InheritAcl must bear, since a layer may hold anything: an ACL in no order.
void InheritAny(std::string_view value, uint32_t mode) {
  Acl acl;
  for (Input in(value); !in.empty();) {
    const uint8_t what = in.Byte();
    acl.push_back({.tag = static_cast<AclTag>(1 << (what % 6)), .perm = static_cast<uint16_t>(what >> 5)});
  }
  const Result<InheritedAcl> inherited = InheritAcl(acl, mode);
  if (!inherited) return Require(inherited.error() == EIO);
  Require((inherited->mode & ~0777u) == (mode & ~0777u));
}

// acl(5): one of each of the three, a mask where somebody is named.
bool Complete(const Acl& acl) {
  const auto count = [&](AclTag tag) {
    return std::ranges::count_if(acl, [&](const AclEntry& entry) { return entry.tag == tag; });
  };
  const bool named = count(AclTag::kUser) + count(AclTag::kGroup) > 0;
  return count(AclTag::kUserObj) == 1 && count(AclTag::kGroupObj) == 1 && count(AclTag::kOther) == 1 &&
         count(AclTag::kMask) <= 1 && (!named || count(AclTag::kMask) == 1);
}

void Parse(std::string_view value, uint32_t mode) {
  const Result<Acl> acl = ParseAcl(value);
  if (!acl) return Require(acl.error() == EINVAL || acl.error() == EOPNOTSUPP);
  const std::string written = ComposeAcl(*acl);
  Require(written.size() == value.size());
  const Result<Acl> again = ParseAcl(written);
  Require(again.ok() && *again == *acl);
  if (acl->empty()) return;
  Require(Complete(*acl));
  for (const AclEntry& entry : *acl) Require(entry.perm <= 7);
  Require(acl->size() >= 3 && ModeOfAcl(*acl).exact == (acl->size() == 3));
  Require((ModeOfAcl(*acl).permissions & ~0777u) == 0);
  Inherit(*acl, mode);
  // What is inherited is legal itself.
  const Result<InheritedAcl> inherited = InheritAcl(*acl, mode);
  if (inherited->access) Require(ParseAcl(ComposeAcl(*inherited->access)).ok());
}

}  // namespace
}  // namespace plyfs::fuzz

// Two bytes of mode, then flag A: an ACL of any shape; else an attribute's value.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  plyfs::fuzz::Input in(data, size);
  const uint32_t mode = in.Number16();
  in.Flags();
  if (in.Bit(0)) {
    plyfs::fuzz::InheritAny(in.Rest(), mode);
  } else {
    plyfs::fuzz::Parse(in.Rest(), mode);
  }
  return 0;
}
