// The engine against the model: layers, mount options and a sequence of operations that the fuzzer chooses
// (engine/testing/overlay_case.h), each answer, the merged tree at the end, that of a fresh mount and what
// lies in upper compared with what the model says.  Besides, no copy gets its name before its data are
// synced, and copying up moves no mtime.  The first difference ends the program with the sequence as text.
//
// Where the header says so (byte 6 not 0: in which step; byte 7: which of its calls; byte 4, bit 4: with
// which errno) one call fails once: the step is done, or has left everything as it was and is done when it is
// taken again, and all goes on.  From then on link counts and upper's records are not compared: what was
// copied up for what was not done is in upper already (S6, S7).
//
// Where byte 4 says so a hand or an odd errno comes between two calls of that step (fuzz/meddler.h); from
// then on the answers are nobody's business, and what lies in the layers is.  Where byte 2 says so (its six
// highest bits, not 0: before which step) the client asks what must be refused whatever there is.  Byte 5,
// bit 7: nobody is told of changes.
//
// Inputs are mutated as sequences: whole records are inserted, removed, exchanged, changed in one field, and
// spliced with those of another input (fuzz/record_mutator.h).  Needs root; layers lie in /dev/shm.
//
// unit: engine/ops/create.cc engine/ops/rename.cc engine/ops/rename_plan.cc engine/ops/unlink.cc
// unit: engine/ops/remove.cc engine/ops/remove_dir.cc engine/ops/link.cc engine/ops/copy_up.cc
#include <errno.h>
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
#include "fuzz/meddler.h"

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

// One call that fails once.
class Slip final : public FaultHook {
  static constexpr int kErrnos[] = {EIO, ENOSPC, ENOMEM, EMFILE, EDQUOT, ENFILE, EROFS, EIO};

 public:
  Slip(std::string_view bytes, size_t steps) {
    const auto at = [&](size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u; };
    if (at(6) == 0 || steps == 0) return;
    step_ = (at(6) - 1) % steps;
    call_ = 1 + at(7);
    error_ = kErrnos[at(4) >> 6 == 3 ? 2 + at(0) / 4 % 6 : at(4) >> 4 & 1];
  }
  int Before(Op op) override {
    slipped_ |= ++seen_ == call_;
    return seen_ == call_ ? fuzz::AsToldTo(op, error_) : 0;
  }
  // Not where the client has a file open for it, whom a failure would leave in another state than the model.
  bool IsIn(size_t i, const Step& step) const { return i == step_ && step.kind <= StepKind::kOpen; }
  bool slipped() const { return slipped_; }

 private:
  std::optional<size_t> step_;
  unsigned call_ = 0, seen_ = 0;
  int error_ = 0;
  bool slipped_ = false;
};

std::string UnlikeStep(size_t i, const Step& step, const std::string& expected, const std::string& seen) {
  return "at step " + std::to_string(i + 1) + ", " + ToText(step) + "\n  expected: " + expected +
         "\n  seen:     " + seen;
}

// The answer, and what is wrong with it.
std::string RunSlipping(const Step& step, Slip* slip, Model& model, EngineClient& engine) {
  const Tree before = SeeWithoutLinks(model);
  const std::string expected = WithoutLinks(RunStep(model, step));
  const Tree after = SeeWithoutLinks(model);
  std::string seen;
  {
    ScopedFaults faults(slip);
    seen = WithoutLinks(RunStep(engine, step));
  }
  if (seen == expected) return "";
  if (!slip->slipped() || seen.starts_with("ok")) return "expected " + expected + ", seen " + seen;
  const Tree live = SeeWithoutLinks(engine);
  if (std::string wrong = Neither("after " + seen + " the tree is", before, after, live); !wrong.empty())
    return wrong;
  // Done, but what came of it could not be told.
  if (step.kind != StepKind::kOpen && !Difference(before, live).empty()) return "";
  seen = WithoutLinks(RunStep(engine, step));
  return seen == expected ? "" : "taken again, expected " + expected + ", seen " + seen;
}

// Before which step the client asks what it should not; there are fewer steps than that: before none.
size_t WrongStep(std::string_view bytes) {
  const unsigned at = bytes.size() > 2 ? static_cast<unsigned char>(bytes[2]) / 4 : 0u;
  return at == 0 ? SIZE_MAX : at - 1;
}

std::string RunSteps(const std::vector<Step>& steps, size_t wrong_step, Slip* slip, Model& model,
                     EngineClient& engine) {
  for (size_t i = 0; i < steps.size(); ++i) {
    if (i == wrong_step) {
      const std::string allowed = engine.AskWrongly(steps[i].path, steps[i].path2);
      if (!allowed.empty()) return "before step " + std::to_string(i + 1) + " not refused: " + allowed;
    }
    if (slip->IsIn(i, steps[i])) {
      const std::string wrong = RunSlipping(steps[i], slip, model, engine);
      if (!wrong.empty())
        return "at step " + std::to_string(i + 1) + ", " + ToText(steps[i]) + ", a call fails: " + wrong;
      continue;
    }
    std::string expected = RunStep(model, steps[i]), seen = RunOnEngine(engine, steps[i]);
    if (slip->slipped()) expected = WithoutLinks(expected), seen = WithoutLinks(seen);
    if (expected != seen) return UnlikeStep(i, steps[i], expected, seen);
  }
  return "";
}

// All that can be seen, of what is compared.
std::string CompareTrees(const char* what, const Slip& slip, Ghosts ghosts, Model& model,
                         EngineClient& engine) {
  Tree expected = SeeTree(model, ghosts), seen = SeeTree(engine, ghosts);
  for (Tree* tree : {&expected, &seen}) {
    for (auto& [path, text] : *tree) text = slip.slipped() ? WithoutLinks(text) : text;
  }
  return Unlike(what, expected, seen);
}

// The sequence, and the trees then; a fresh mount ends as it began.
std::string RunMounted(const Case& c, size_t wrong_step, Slip* slip, const ScratchStack& stack, Model& model,
                       EngineMount& mount) {
  if (Status mounted = mount.Mount(); !mounted.ok()) return Failed("mounting", mounted.error());
  EngineClient engine(mount);
  std::string wrong = RunSteps(c.steps, wrong_step, slip, model, engine);
  Slip none("", 0);
  if (wrong.empty() && !slip->slipped()) wrong = RunSteps(LooksAtOpenFiles(), SIZE_MAX, &none, model, engine);
  if (wrong.empty()) wrong = CompareTrees("in the merged tree:", *slip, Ghosts::kHide, model, engine);
  if (!wrong.empty()) return wrong;
  // Before the next mount clears it away (M14); but what tidies up may be what has failed.
  engine.Unmount();
  if (std::string left = stack.LeftInWork(); !left.empty() && !slip->slipped()) {
    return "left in the work directory: " + left;
  }
  if (Status again = engine.Remount(); !again.ok()) return Failed("mounting again", again.error());
  if (std::string left = stack.LeftInWork(); !left.empty())
    return "left in the work directory by a mount: " + left;
  return CompareTrees("in the tree of a fresh mount:", *slip, Ghosts::kShow, model, engine);
}

// One step is meddled with; those after it find what that has left.
std::string RunMeddled(const Case& c, size_t meddled, const ScratchStack& stack, fuzz::Meddler* meddler,
                       EngineMount& mount) {
  if (Status mounted = mount.Mount(); !mounted.ok()) return Failed("mounting", mounted.error());
  {
    EngineClient engine(mount);
    for (size_t i = 0; i < c.steps.size(); ++i) {
      if (c.steps[i].kind == StepKind::kRemount && i >= meddled) continue;
      {
        ScopedFaults meddling(i == meddled ? meddler : nullptr);
        (void)RunStep(engine, c.steps[i]);
      }
      if (i != meddled) continue;
      if (std::string wrong = meddler->CheckHandMade(); !wrong.empty()) return wrong;
    }
  }
  mount.Unmount();
  return meddler->CheckLeft(c, mount);
}

// Empty where the engine did all that the model says.
std::string Run(std::string_view bytes) {
  const Case c = DecodeCase(bytes);
  ScratchStack stack;
  if (Status written = stack.Write(c); !written.ok()) return Failed("writing the layers", written.error());
  Model model(c.options, c.lowers, CopyOfLayer(c.upper));
  const auto at = [&](size_t i) { return i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : uint8_t{0}; };
  EngineMount mount(stack.ConfigOf(c, at(5)));
  if (at(5) & 128) mount.TellsNobody();
  if (fuzz::Meddler::IsAskedFor(bytes) && !c.steps.empty()) {
    const size_t meddled = at(6) % c.steps.size();
    fuzz::Meddler meddler(bytes, c, c.steps[meddled], stack);
    const std::string wrong = RunMeddled(c, meddled, stack, &meddler, mount);
    mount.Unmount();
    return wrong.empty() ? "" : "at step " + std::to_string(meddled + 1) + " meddled with: " + wrong;
  }
  Slip slip(bytes, c.steps.size());
  std::string wrong = RunMounted(c, WrongStep(bytes), &slip, stack, model, mount);
  mount.Unmount();
  if (!wrong.empty()) return wrong;
  if (!stack.CheckLowers(c).ok()) return "a lower layer was changed";
  if (!c.upper || slip.slipped()) return "";
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
