// Step: one operation of a differential run, as plain data, and its one-line text form.
//
// A value; any thread.  FormatStep and ParseStep are inverse; a replay file is a list of such lines.  What
// the numbers mean depends on the operation and stands in the table of step.cc.
#ifndef PLYFS_TESTS_DIFFERENTIAL_STEP_H_
#define PLYFS_TESTS_DIFFERENTIAL_STEP_H_

#include <time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plyfs::diff {

inline constexpr int kSlots = 6;  // open descriptors that live over steps

enum class Op {
  // names
  kCreate,   // path; a: mode, b: umask
  kMkdir,    // path; a: mode, b: umask
  kMknod,    // path; a: type and mode, b: umask, c: major << 8 | minor
  kSymlink,  // value: target, path
  kLink,     // path -> path2
  kUnlink,   // path
  kRmdir,    // path
  kRename,   // path -> path2; a: RENAME_ flags
  kTmpfile,  // path (a directory), slot; a: mode, b: flags added (O_EXCL)
  kLinkat,   // slot -> path
  // descriptors
  kOpen,       // path, slot; a: flags
  kClose,      // slot
  kRead,       // slot; a: offset, b: length
  kWrite,      // slot; a: offset (-1: at the position), b: length, c: seed of the bytes
  kMmapRead,   // slot; a: offset, b: length
  kMmapWrite,  // slot; a: offset, b: length, c: seed
  kFtruncate,  // slot; a: size
  kFallocate,  // slot; a: offset, b: length, c: mode
  kCopyRange,  // slot -> slot2; a: from, b: to, c: length
  kSeek,       // slot; a: offset, b: SEEK_DATA or SEEK_HOLE
  kFchmod,     // slot; a: mode
  kFchown,     // slot; a: uid, b: gid
  kFutimens,   // slot; a: atime, b: mtime (seconds, -1: now, -2: leave)
  kFsetxattr,  // slot; name, value; a: flags
  kFsync,      // slot
  kFlock,      // slot; a: LOCK_ operation
  // attributes
  kChmod,        // path; a: mode
  kChown,        // path; a: uid, b: gid
  kUtimens,      // path; a, b as kFutimens
  kTruncate,     // path; a: size
  kSetxattr,     // path; name, value; a: flags
  kRemovexattr,  // path; name
  kGetxattr,     // path; name; a: room for the value (0: enough)
  kListxattr,    // path; a: room (0: enough, -1: none, how much is needed?)
  kSetAcl,       // path; a: mode, b: perm, c: 1 for the default ACL
  kRemoveAcl,    // path; c: 1 for the default ACL
  // looking
  kReaddir,   // path; a: which entry to seek to
  kReadlink,  // path
  kAccess,    // path; a: mode
  kStatfs,    // path
  kExec,      // path
  // the run
  kRemount,   // a: 1 changes who serves whose layers, b: a fault in the step before (run.h)
  kReadonly,  // a: 1 the live mounts become read-only, 0 writable; no descriptor is open then
  kCheck,     // compare the whole trees
};
inline constexpr int kOps = static_cast<int>(Op::kCheck) + 1;

struct Step {
  Op op = Op::kCheck;
  int user = 0;  // index into Users()
  int slot = 0, slot2 = 0;
  int64_t a = 0, b = 0, c = 0;
  std::string path, path2, name, value;
  bool watch = false;  // stat the objects before the operation too

  friend bool operator==(const Step&, const Step&) = default;
};

struct User {
  uint32_t uid, gid;
  std::vector<uint32_t> groups;
};
// Who acts: root, two users and one in the other's group.
const std::vector<User>& Users();

std::string_view OpName(Op op);
// True when the operation takes a descriptor slot, or paths, and not the other.
bool UsesSlot(Op op);
// True of kFchmod and its like.
bool ChangesMetadataOfSlot(Op op);
// Flags of kRename that no filesystem here takes from a caller (R2).
bool IsBadRename(int64_t flags);
// What the operation counts as in the table: its name, with the flags that make it another operation.
std::string Label(const Step& step);

// A time as kUtimens writes it.
timespec StepTime(int64_t seconds);

// "rename path=a/b path2=c a=1 user=2": defaults are left out, odd bytes are %XX.
std::string FormatStep(const Step& step);
std::optional<Step> ParseStep(std::string_view line);

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_STEP_H_
