#include "engine/format/protattr.h"

#include <charconv>

namespace plyfs {

// fs/overlayfs/util.c:ovl_check_protattr: one unknown letter voids the whole record.
uint32_t ParseProtattr(std::string_view value) {
  if (value.size() > kProtattrMax) return 0;
  uint32_t flags = 0;
  for (char letter : value) {
    if (letter == 'a') {
      flags |= kFlagAppend;
    } else if (letter == 'i') {
      flags |= kFlagImmutable;
    } else {
      return 0;
    }
  }
  return flags;
}

std::string ComposeProtattr(uint32_t flags) {
  std::string value;
  if (flags & kFlagAppend) value += 'a';
  if (flags & kFlagImmutable) value += 'i';
  return value;
}

// fs/overlayfs/util.c:ovl_get_nlink.
std::optional<NlinkRecord> ParseNlinkRecord(std::string_view value) {
  if (value.size() < 3 || (value[0] != 'U' && value[0] != 'L')) return std::nullopt;
  if (value[1] != '+' && value[1] != '-') return std::nullopt;
  // from_chars takes a minus but no plus; after a plus it must not meet a minus.
  const char* first = value.data() + (value[1] == '+' ? 2 : 1);
  const char* last = value.data() + value.size();
  if (value[2] < '0' || value[2] > '9') return std::nullopt;
  NlinkRecord record{.relative_to_upper = value[0] == 'U'};
  const auto [end, error] = std::from_chars(first, last, record.difference);
  if (error != std::errc() || end != last) return std::nullopt;
  return record;
}

std::string ComposeNlinkRecord(NlinkRecord record) {
  std::string value(1, record.relative_to_upper ? 'U' : 'L');
  if (record.difference >= 0) value += '+';
  return value + std::to_string(record.difference);
}

}  // namespace plyfs
