// Extended attributes.  Names and values pass through; only the ids inside ACLs are mapped.
#include <string>

#include "fuse/handlers.h"

namespace plyfs::fuse {
namespace {

constexpr size_t kXattrSizeMax = 65536;  // include/uapi/linux/limits.h

bool IsAcl(std::string_view name) {
  return name == "system.posix_acl_access" || name == "system.posix_acl_default";
}

// A client that offers no room asks for the size.
Status PutValue(Exchange& x, std::string_view value, uint32_t room) {
  if (value.size() > kXattrSizeMax) return Errno(E2BIG);
  if (room == 0) {
    x.Put(wire::SizeOut{static_cast<uint32_t>(value.size()), 0});
    return OkStatus();
  }
  if (value.size() > room) return Errno(ERANGE);
  x.PutBytes(value);
  return OkStatus();
}

}  // namespace

Status HandleGetXattr(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::GetXattrIn>());
  PLY_TRY(const auto name, x.in.String());
  PLY_TRY(std::string value, x.fs().GetXattr(x.caller(), x.node(), name));
  if (!x.ids().identity() && IsAcl(name)) ShowAcl(x.ids(), value);
  return PutValue(x, value, args.size);
}

Status HandleListXattr(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::GetXattrIn>());
  PLY_TRY(const std::string names, x.fs().ListXattr(x.caller(), x.node(), args.size));
  return PutValue(x, names, args.size);
}

Status HandleSetXattr(Exchange& x) {
  const bool extended = x.connection().has(wire::kSetXattrExt);
  PLY_TRY(const auto args,
          x.in.Prefix<wire::SetXattrIn>(extended ? sizeof(wire::SetXattrIn) : wire::kSetXattrInBase));
  PLY_TRY(const auto name, x.in.String());
  PLY_TRY(const auto value, x.in.Bytes(args.size));
  std::string_view stored(value.data(), value.size());
  std::string mapped;
  if (!x.ids().identity() && IsAcl(name)) {
    mapped = stored;
    PLY_CHECK(StoreAcl(x.ids(), mapped));
    stored = mapped;
  }
  return x.fs().SetXattr(x.caller(), x.node(), name, stored, args.flags,
                         (args.setxattr_flags & wire::kSetXattrAclKillSgid) != 0);
}

Status HandleRemoveXattr(Exchange& x) {
  PLY_TRY(const auto name, x.in.String());
  return x.fs().RemoveXattr(x.caller(), x.node(), name);
}

}  // namespace plyfs::fuse
