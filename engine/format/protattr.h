// The records overlay.protattr and overlay.nlink of a copied-up object (A14, S9, L22).  Any thread.
#ifndef PLYFS_ENGINE_FORMAT_PROTATTR_H_
#define PLYFS_ENGINE_FORMAT_PROTATTR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace plyfs {

// The file flags that are recorded instead of set on the upper object, which must stay linkable:
// FS_IMMUTABLE_FL | FS_APPEND_FL of <linux/fs.h>.
inline constexpr uint32_t kFlagImmutable = 0x10;
inline constexpr uint32_t kFlagAppend = 0x20;
inline constexpr uint32_t kProtectFlags = kFlagImmutable | kFlagAppend;

inline constexpr size_t kProtattrMax = 32;

// 0 for a malformed value: it protects nothing (L22).
uint32_t ParseProtattr(std::string_view value);
// Empty: the record is to be removed.
std::string ComposeProtattr(uint32_t flags);

// "U+1": the link count of the merged object is that of the upper inode and 1 (S9).
struct NlinkRecord {
  bool relative_to_upper = true;  // else to the lower inode
  int32_t difference = 0;
  friend bool operator==(const NlinkRecord&, const NlinkRecord&) = default;
};

// nullopt: malformed, ignored (L22).
std::optional<NlinkRecord> ParseNlinkRecord(std::string_view value);
std::string ComposeNlinkRecord(NlinkRecord record);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_PROTATTR_H_
