#include "engine/format/xattr_names.h"

namespace plyfs {
namespace {

constexpr std::string_view kEscape = "overlay.";
constexpr std::string_view kFuseOverlayfs = "user.fuseoverlayfs.";

// In the order of Record.
constexpr std::array<std::string_view, kRecordCount> kRecordNames = {
    "opaque", "redirect", "origin", "impure", "nlink", "upper", "uuid", "metacopy", "protattr", "whiteout",
};
static_assert(kRecordNames[static_cast<size_t>(Record::kWhiteout)] == "whiteout");

}  // namespace

XattrNames::XattrNames(bool userxattr, bool others)
    : userxattr_(userxattr), prefix_(userxattr ? "user.overlay." : "trusted.overlay."), escaped_(prefix_) {
  escaped_ += kEscape;
  for (size_t i = 0; i < kRecordCount; ++i) records_[i] = prefix_ + std::string(kRecordNames[i]);
  if (!others) return;
  other_opaques_ = {userxattr ? "trusted.overlay.opaque" : "user.overlay.opaque",
                    std::string(kFuseOverlayfs) + "opaque"};
}

bool XattrNames::IsOthers(std::string_view stored) const {
  return others() && (stored.starts_with(kFuseOverlayfs) || stored == other_opaques_[0]);
}

bool XattrNames::IsPrivate(std::string_view stored) const {
  return (stored.starts_with(prefix_) && !stored.starts_with(escaped_)) || IsOthers(stored);
}

Result<std::string> XattrNames::Escape(std::string_view shown) const {
  if (IsOthers(shown)) return Errno(EOPNOTSUPP);
  if (!shown.starts_with(prefix_)) return std::string(shown);
  if (shown.size() == prefix_.size()) return Errno(EINVAL);
  if (shown.size() + kEscape.size() > kXattrNameMax) return Errno(EOPNOTSUPP);
  std::string stored = escaped_;
  stored += shown.substr(prefix_.size());
  return stored;
}

std::optional<std::string> XattrNames::Unescape(std::string_view stored) const {
  if (IsPrivate(stored)) return std::nullopt;
  if (!stored.starts_with(escaped_)) return std::string(stored);
  return prefix_ + std::string(stored.substr(escaped_.size()));
}

Result<std::string> XattrNames::VisibleList(std::string_view stored_list) const {
  std::string visible;
  visible.reserve(stored_list.size());
  while (!stored_list.empty()) {
    const size_t end = stored_list.find('\0');
    if (end == stored_list.npos) return Errno(EIO);
    if (auto shown = Unescape(stored_list.substr(0, end))) {
      visible += *shown;
      visible += '\0';
    }
    stored_list.remove_prefix(end + 1);
  }
  return visible;
}

}  // namespace plyfs
