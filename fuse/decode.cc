#include "fuse/decode.h"

namespace plyfs::fuse {
namespace {

// FUSE_EXT_GROUPS: a count and so many gids; the kernel sends the parent's and no other
// (fs/fuse/dir.c:get_create_supp_group).
Result<std::optional<uint32_t>> ParseGroups(std::span<const char> bytes) {
  Decoder groups(bytes);
  PLY_TRY(const auto count, groups.Fixed<uint32_t>());
  if (count > groups.rest().size() / sizeof(uint32_t)) return Errno(EINVAL);
  if (count == 0) return std::optional<uint32_t>();
  PLY_TRY(const auto gid, groups.Fixed<uint32_t>());
  return std::optional<uint32_t>(gid);
}

// Security contexts are skipped: they are not asked for (init.cc).
Status ParseExtensions(std::span<const char> bytes, Message* message) {
  while (!bytes.empty()) {
    PLY_TRY(const auto ext, Decoder(bytes).Fixed<wire::ExtHeader>());
    const size_t step = wire::AlignRecord(ext.size);
    if (ext.size < sizeof ext || step > bytes.size()) return Errno(EINVAL);
    if (ext.type == wire::kExtGroups) {
      PLY_TRY(message->supplementary_gid, ParseGroups(bytes.subspan(sizeof ext, ext.size - sizeof ext)));
    }
    bytes = bytes.subspan(step);
  }
  return OkStatus();
}

}  // namespace

Result<std::string_view> Decoder::String() {
  const void* end = rest_.empty() ? nullptr : std::memchr(rest_.data(), '\0', rest_.size());
  if (end == nullptr) return Errno(EINVAL);
  const size_t length = static_cast<size_t>(static_cast<const char*>(end) - rest_.data());
  const std::string_view text(rest_.data(), length);
  rest_ = rest_.subspan(length + 1);
  return text;
}

Result<Name> Decoder::Component() {
  PLY_TRY(const auto text, String());
  return Name::Parse(text);
}

Result<std::span<const char>> Decoder::Bytes(size_t size) {
  if (rest_.size() < size) return Errno(EINVAL);
  const auto bytes = rest_.first(size);
  rest_ = rest_.subspan(size);
  return bytes;
}

Status Split(std::span<const char> bytes, Message* message) {
  Decoder whole(bytes);
  PLY_TRY(message->header, whole.Fixed<wire::InHeader>());
  if (message->header.len != bytes.size()) return Errno(EINVAL);
  const size_t extensions = size_t{message->header.total_extlen} * wire::kRecordAlign;
  const auto rest = whole.rest();
  if (extensions > rest.size()) return Errno(EINVAL);
  message->body = rest.first(rest.size() - extensions);
  message->supplementary_gid.reset();
  return ParseExtensions(rest.last(extensions), message);
}

}  // namespace plyfs::fuse
