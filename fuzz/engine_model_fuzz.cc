// The engine against the model: layers, mount options and a sequence of operations that the fuzzer chooses
// (engine/testing/overlay_case.h), each answer, the merged tree at the end, that of a fresh mount and what
// lies in upper compared with what the model says.  Besides, no copy gets its name before its data are
// synced, and copying up moves no mtime.  The first difference ends the program with the sequence as text.
//
// Inputs are mutated as sequences: whole records are inserted, removed, exchanged, changed in one field, and
// spliced with those of another input (fuzz/record_mutator.h).  Needs root; layers lie in /dev/shm.
//
// unit: engine/ops/create.cc engine/ops/rename.cc engine/ops/rename_plan.cc engine/ops/unlink.cc
// unit: engine/ops/remove.cc engine/ops/remove_dir.cc engine/ops/link.cc engine/ops/copy_up.cc
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "engine/io/fault.h"
#include "engine/testing/engine_client.h"
#include "engine/testing/layer_on_disk.h"
#include "engine/testing/overlay_case.h"
#include "engine/testing/scratch_stack.h"

namespace plyfs::model {
namespace {

std::string Failed(const char* what, int error) {
  return std::string(what) + ": errno " + std::to_string(error);
}

std::string Unlike(const char* what, const Tree& expected, const Tree& seen) {
  const std::string difference = Difference(expected, seen);
  return difference.empty() ? "" : std::string(what) + " " + difference;
}

// C14: what data are copied into is synced before a name leads to it.  One step's calls, of one thread.
class SyncedBeforeNamed final : public FaultHook {
 public:
  int Before(Op op) override {
    broken_ |= unsynced_ && (op == Op::kLink || op == Op::kRename);
    return 0;
  }
  void After(Op op, int error) override {
    if (error != 0) return;
    if (op == Op::kCopyFileRange || op == Op::kClone || op == Op::kWrite) unsynced_ = true;
    if (op == Op::kFsync) unsynced_ = false;
  }
  bool broken() const { return broken_; }

 private:
  bool unsynced_ = false, broken_ = false;
};

// C4, C5: when what a step may not change was last modified: the directory, where at most a copy comes into
// it, and the object itself, where not its contents change.
struct Unmodified {
  Unmodified(const Step& step, EngineClient& engine) {
    const bool contents = step.kind == StepKind::kTruncate || step.how.truncate;
    switch (step.kind) {
      case StepKind::kOpen:
      case StepKind::kTruncate:
      case StepKind::kChmod:
      case StepKind::kChown:
      case StepKind::kSetXattr:
        if (step.path.empty()) return;
        dir = TimeOf(engine, SplitPath(step.path).first);
        if (!contents) object = TimeOf(engine, step.path);
        break;
      default:
        break;
    }
  }
  static std::optional<TimeSpec> TimeOf(EngineClient& engine, const Path& path) {
    Result<TimeSpec> time = engine.ModifiedAt(path);
    return time.ok() ? std::optional<TimeSpec>(*time) : std::nullopt;
  }
  friend bool operator==(const Unmodified&, const Unmodified&) = default;

  std::optional<TimeSpec> dir, object;
};

std::string RunOnEngine(EngineClient& engine, const Step& step) {
  const Unmodified before(step, engine);
  SyncedBeforeNamed hook;
  std::string answer;
  {
    ScopedFaults watching(&hook);
    answer = RunStep(engine, step);
  }
  if (hook.broken()) return answer + ", and a copy got its name before its data were synced (C14)";
  const bool unmodified = before == Unmodified(step, engine);
  return unmodified ? answer : answer + ", and the mtime of it or of its directory moved (C4, C5)";
}

std::string RunSteps(const std::vector<Step>& steps, Model& model, EngineClient& engine) {
  for (size_t i = 0; i < steps.size(); ++i) {
    const std::string expected = RunStep(model, steps[i]);
    const std::string seen = RunOnEngine(engine, steps[i]);
    if (expected == seen) continue;
    return "at step " + std::to_string(i + 1) + ", " + ToText(steps[i]) + "\n  expected: " + expected +
           "\n  seen:     " + seen;
  }
  return "";
}

// The sequence, and the trees then; a fresh mount ends as it began.
std::string RunMounted(const Case& c, const ScratchStack& stack, Model& model, EngineMount& mount) {
  if (Status mounted = mount.Mount(); !mounted.ok()) return Failed("mounting", mounted.error());
  EngineClient engine(mount);
  std::string wrong = RunSteps(c.steps, model, engine);
  if (wrong.empty()) wrong = RunSteps(LooksAtOpenFiles(), model, engine);
  if (!wrong.empty()) return wrong;
  wrong = Unlike("in the merged tree:", SeeTree(model, Ghosts::kHide), SeeTree(engine, Ghosts::kHide));
  if (!wrong.empty()) return wrong;
  // Before the next mount clears it away (M14).
  engine.Unmount();
  if (std::string left = stack.LeftInWork(); !left.empty()) return "left in the work directory: " + left;
  if (Status again = engine.Remount(); !again.ok()) return Failed("mounting again", again.error());
  return Unlike("in the tree of a fresh mount:", SeeTree(model, Ghosts::kShow),
                SeeTree(engine, Ghosts::kShow));
}

// Empty where the engine did all that the model says.
std::string Run(std::string_view bytes) {
  const Case c = DecodeCase(bytes);
  ScratchStack stack;
  if (Status written = stack.Write(c); !written.ok()) return Failed("writing the layers", written.error());
  Model model(c.options, c.lowers, CopyOfLayer(c.upper));
  EngineMount mount(stack.ConfigOf(c, bytes.size() > 5 ? static_cast<uint8_t>(bytes[5]) : 0));
  std::string wrong = RunMounted(c, stack, model, mount);
  mount.Unmount();
  if (!wrong.empty()) return wrong;
  if (!stack.CheckLowers(c).ok()) return "a lower layer was changed";
  if (!c.upper) return "";
  Result<Ref> upper = ReadLayer(stack.upper());
  if (!upper.ok()) return Failed("reading upper", upper.error());
  DropOpenOrigins(model.upper(), *upper);
  return Unlike("in upper:", LayerText(model.upper()), LayerText(*upper));
}

}  // namespace
}  // namespace plyfs::model

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  if (plyfs::model::Run(bytes).empty()) return 0;
  const std::string few =
      plyfs::model::ShrinkCase(bytes, [](const std::string& b) { return !plyfs::model::Run(b).empty(); });
  const std::string what = plyfs::model::Run(few);
  std::fprintf(stderr, "%s\nDIFFERENCE %s\n", ToText(plyfs::model::DecodeCase(few)).c_str(), what.c_str());
  std::abort();
}
