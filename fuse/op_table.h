// The operations of the protocol, one row each: the only place that knows an opcode's name, arguments,
// handler and nature.
//
// Constant; any thread.  A new operation is a row here, its handler in one file, and a test.
#ifndef PLYFS_FUSE_OP_TABLE_H_
#define PLYFS_FUSE_OP_TABLE_H_

#include <cstddef>
#include <cstdint>

#include "engine/base/result.h"
#include "fuse/wire.h"

namespace plyfs::fuse {

class Exchange;

enum Trait : uint32_t {
  // The handler may wait for a layer or for another operation.
  kMayBlock = 1u << 0,
  // Changes nothing that outlives the request but what `undo` takes back: may be answered EINTR early.
  kNoEffects = 1u << 1,
  // As kNoEffects, but only where the open flags ask neither for writing nor for O_TRUNC.
  kNoEffectsReadOnly = 1u << 2,
  // The kernel expects no reply.
  kNoReply = 1u << 3,
  // The body's first string is a name, worth showing when the request is slow.
  kNamed = 1u << 4,
};

struct Operation {
  const char* name = nullptr;  // null: no such opcode
  // The arguments, for the trace and for the least length: words "field:W" in the order of the body, W being
  // 8 or 4 for the width of a number (8x, 4x hexadecimal, 4o octal) or s for a string; "_:4" is padding.
  const char* arguments = "";
  uint32_t traits = 0;
  // Null: answered ENOSYS, after which the kernel stops asking (or does it itself: locks, F19).
  Status (*run)(Exchange&) = nullptr;
  // Takes back what the reply told, when it did not reach the client.  Null: nothing to take back.
  void (*undo)(Exchange&) = nullptr;
  uint32_t since = 0;  // protocol minor
  uint32_t fixed = 0;  // bytes before the first string: the arguments' fixed structure
  uint32_t least = 0;  // bytes that the body has at least
};

// A row without name for an opcode that does not exist.
const Operation& FindOperation(uint32_t opcode);

// What a list of arguments describes; not ok where the list is malformed.
struct ArgumentsSize {
  bool ok = false;
  uint32_t fixed = 0;
  uint32_t least = 0;
};
constexpr ArgumentsSize MeasureArguments(const char* list) {
  ArgumentsSize size;
  uint32_t strings = 0;
  for (const char* at = list; *at != '\0';) {
    while (*at != ':') {
      if (*at == '\0' || *at == ' ') return {};
      ++at;
    }
    const char width = *++at;
    if (width == 's') {
      ++strings;
    } else if ((width == '8' || width == '4') && strings == 0) {
      size.fixed += static_cast<uint32_t>(width - '0');
    } else {
      return {};
    }
    while (*at != ' ' && *at != '\0') ++at;
    if (*at == ' ') ++at;
  }
  size.least = size.fixed + strings;  // each string has at least its NUL
  size.ok = true;
  return size;
}

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_OP_TABLE_H_
