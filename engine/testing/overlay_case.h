// Case: layers, mount options and a sequence of operations, as plain data that any bytes mean.
//
// Values; any thread.  The bytes are a header and records of kRecord bytes each, one a layer's object or an
// operation, so that whoever changes them (a fuzzer) can work on whole records.  Names and paths are few:
// things are to meet.
#ifndef PLYFS_ENGINE_TESTING_OVERLAY_CASE_H_
#define PLYFS_ENGINE_TESTING_OVERLAY_CASE_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/testing/model.h"

namespace plyfs::model {

inline constexpr size_t kRecord = 8;
inline constexpr size_t kMaxObjects = 48;
inline constexpr size_t kMaxSteps = 64;

enum class StepKind {
  kStat,
  kList,
  kReadFile,
  kReadLink,
  kGetXattr,
  kListXattr,
  kCreate,
  kMakeDir,
  kMakeNode,
  kSymlink,
  kLink,
  kUnlink,
  kRemoveDir,
  kRename,
  kTruncate,
  kChmod,
  kChown,
  kSetXattr,
  kRemoveXattr,
  kOpen,
  kTmpFile,
  kClose,
  kReadSlot,
  kWriteSlot,
  kTruncateSlot,
  kStatSlot,
  kChmodSlot,
  kSetXattrSlot,
  kLinkSlot,
  kDropCaches,
  kRemount,
};
inline constexpr int kStepKinds = static_cast<int>(StepKind::kRemount) + 1;

struct Step {
  StepKind kind = StepKind::kStat;
  Path path, path2;
  std::string name, value;
  Type type = Type::kFile;
  uint32_t mode = 0, uid = 0, gid = 0, flags = 0;
  uint64_t offset = 0;
  int slot = 0;
  OpenHow how;
};

struct Case {
  Options options;
  std::vector<Ref> lowers;  // topmost first; trees of their own, which no run changes
  Ref upper;                // null: without
  std::vector<Step> steps;
};

// What lower layers may hold: what overlays are compared by, or also file flags, labels and ACLs, which no
// Overlay shows, and empty files.  Bits of a record's kind that mean nothing else say so.
enum class Draw { kSeen, kMore };
// A layer's object as a record says it; nothing where the record does not fit what is there already.
Case DecodeCase(std::string_view bytes, Draw draw = Draw::kSeen);
// As few of the records as still fail.
std::string ShrinkCase(std::string bytes, const std::function<bool(const std::string&)>& fails);
// The layer anew: what is done to one is not done to the other.
Ref CopyOfLayer(const Ref& root);

// Steps that look at every open file: what else is compared does not see them.
std::vector<Step> LooksAtOpenFiles();

// What came of a step, in one line: "ok ...", or "errno 2".
std::string RunStep(Overlay& overlay, const Step& step);
std::string ToText(const Step& step);
// "rename", "write slot".
std::string KindName(StepKind kind);
// Options, layers and steps, for who reads of a failure.
std::string ToText(const Case& c);

}  // namespace plyfs::model

#endif  // PLYFS_ENGINE_TESTING_OVERLAY_CASE_H_
