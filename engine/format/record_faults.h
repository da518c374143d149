// FaultsOf: what is wrong with an object's overlay records when nothing but the object itself is looked at.
//
// Pure functions and values; any thread.  What a fault does, and what may be done about it, is the same for
// plyfs and for kernel overlayfs (docs/check.md).
#ifndef PLYFS_ENGINE_FORMAT_RECORD_FAULTS_H_
#define PLYFS_ENGINE_FORMAT_RECORD_FAULTS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/format/xattr_names.h"

namespace plyfs {

// The records of one object, as stored.
struct RecordSet {
  uint32_t mode = 0;
  uint64_t size = 0;
  bool whiteout_device = false;
  bool is_root = false;  // of the layer
  std::array<std::optional<std::string>, kRecordCount> values{};

  const std::optional<std::string>& Of(Record record) const { return values[static_cast<size_t>(record)]; }
  std::optional<std::string>& Of(Record record) { return values[static_cast<size_t>(record)]; }
  bool any() const;
  // An empty file that is a whiteout by its record (X5).
  bool is_xattr_whiteout() const;
};

// What takes the fault away and loses nothing that plyfs or the kernel shows.
enum class Cure : uint8_t {
  kNone,
  kRemove,      // the record
  kEmpty,       // the record's value: "unknown"
  kCutAtNul,    // the value's bytes from the first NUL on
  kMakeOpaque,  // then the record is removed: as a redirect to nowhere, it lets nothing below join
};

struct RecordFault {
  Record record;
  const char* what;    // "is malformed"
  const char* effect;  // what plyfs and the kernel do
  Cure cure = Cure::kNone;
};

// In the order of Record.
std::vector<RecordFault> FaultsOf(const RecordSet& object, bool userxattr);

// How an origin record reads (X1, L21).
enum class OriginForm : uint8_t {
  kUnknown,    // empty: copied up, but from where is not known (X3)
  kHandle,     // DecodeOrigin has it
  kElsewhere,  // of a later version or another byte order: as unknown
  kMalformed,
};
OriginForm FormOf(std::string_view origin);

// `path` for one line of a message, between quotes; what is not printable ASCII, a quote or a backslash is
// escaped as in C, so that it can be read back.
std::string Quoted(std::string_view path);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_RECORD_FAULTS_H_
