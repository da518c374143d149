// Owners as on disk and as shown, in ACLs too.  A text as uidmapping= takes it up to a NUL, a byte that is
// the squash (0: none), then an ACL's value.
//
// unit: fuse/id_map.cc
#include <cstring>

#include "engine/format/acl.h"
#include "engine/format/option_text.h"
#include "fuse/id_map.h"
#include "fuzz/input.h"

namespace plyfs::fuzz {
namespace {

using plyfs::fuse::IdMap;
using plyfs::fuse::IdMaps;
using plyfs::fuse::IdRange;
using plyfs::fuse::ShowAcl;
using plyfs::fuse::StoreAcl;

IdMap MapOf(std::string_view text, uint8_t squash) {
  std::string why;
  std::vector<IdRange> ranges;
  const auto parsed = ParseIdMap(text, &why);
  Require(parsed.has_value() || !why.empty());
  for (const IdMapRange& range : parsed.value_or(std::vector<IdMapRange>())) {
    ranges.push_back({range.disk, range.seen, range.length});
  }
  return IdMap(ranges, squash == 0 ? -1 : squash);
}

void One(const IdMap& map, uint32_t id) {
  const Result<uint32_t> disk = map.Disk(id);
  Require(map.Maker(id) == (disk ? *disk : IdMap::kOverflow));
  if (map.identity()) return Require(disk.ok() && *disk == id && map.Seen(id) == id);
  // A map is one to one, since ranges do not overlap.
  if (disk && !map.squashes()) Require(map.Seen(*disk) == id);
  const uint32_t seen = map.Seen(id);
  if (!map.squashes() && seen != IdMap::kOverflow) Require(map.Disk(seen).ok() && *map.Disk(seen) == id);
}

void InAcl(const IdMap& map, std::string value) {
  const IdMaps maps{map, IdMap()};
  const std::string before = value;
  const Status stored = StoreAcl(maps, value);
  Require(value.size() == before.size());
  const Result<Acl> acl = ParseAcl(before);
  if (!acl) return;
  for (size_t i = 0; i < acl->size(); ++i) One(map, (*acl)[i].id);
  if (!stored) return;
  const Result<Acl> after = ParseAcl(value);
  for (size_t i = 0; i < acl->size() && after; ++i) {
    const bool user = (*acl)[i].tag == AclTag::kUser;
    Require((*after)[i].id == (user ? *map.Disk((*acl)[i].id) : (*acl)[i].id));
  }
  if (map.squashes()) return;
  // What was stored is shown as it was given.
  ShowAcl(maps, value);
  Require(value == before);
}

}  // namespace
}  // namespace plyfs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  plyfs::fuzz::Input in(data, size);
  const std::string_view text = in.Until('\0');
  const plyfs::fuse::IdMap map = plyfs::fuzz::MapOf(text, in.Byte());
  const std::string value(in.Rest());
  for (uint32_t id : {0u, 1u, 999u, 1000u, 65534u, ~0u}) plyfs::fuzz::One(map, id);
  plyfs::fuzz::InAcl(map, value);
  std::string shown = value;
  plyfs::fuse::ShowAcl({map, map}, shown);
  plyfs::fuzz::Require(shown.size() == value.size());
  return 0;
}
