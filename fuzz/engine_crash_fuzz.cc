// The engine cut off in the middle of an operation: steps as in engine_model_fuzz, and at one of them calls
// fail. Afterwards the merged tree is the one before the step or the one after it, by the model: of a fresh
// mount, and, where it was told of the failure, of the live one as well, which moreover has answered
// accordingly.
//
// Header: byte 6 says by its lower bits in which step, and by its two highest what fails there (byte 7:
// where):
//   0  a change of the disk, or that and all further ones (a crash without dying)
//   1  a call of whatever kind, with the errno that byte 4 says
//   2  what a filesystem may lack (kLacks), or data that are moved in parts
//   3  two calls, of which the second may be one that tidies up after the first
// Byte 4, its two highest bits: 0 as above; 1 and 2 a hand or an odd errno between two calls of the step
// (fuzz/meddler.h); 3 what few filesystems lack, or one of four more errnos.  Byte 5, bit 7: nobody is told
// of changes. Layers may have file flags, labels and ACLs (Draw::kMore), which the model leaves out: who is
// refused for their sake has done nothing. Link counts are left out: copying up, which may have been done,
// changes them (S6, S7).  Needs root; layers lie in /dev/shm.
//
// unit: engine/ops/copy_up.cc engine/ops/copy_up_stage.cc engine/ops/remove.cc engine/ops/rename.cc
#include <stdio.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "engine/io/fault.h"
#include "engine/testing/engine_client.h"
#include "engine/testing/layer_on_disk.h"
#include "engine/testing/overlay_case.h"
#include "engine/testing/scratch_stack.h"
#include "fuzz/meddler.h"

namespace plyfs::model {
namespace {

// What filesystems lack, or do in parts; none of it may change what is seen.
constexpr const char* kLacks[] = {
    "clone=EOPNOTSUPP",
    "clone=EOPNOTSUPP,copy_file_range=EXDEV",
    "clone=EXDEV,copy_file_range=EOPNOTSUPP,read@1=short,write@1=short",
    "clone=EOPNOTSUPP,copy_file_range@1=short",
    "clone=EOPNOTSUPP,copy_file_range=EINVAL,seek=EINVAL",
    "create@1=EOPNOTSUPP",  // a nameless file
    "create@2=EOPNOTSUPP",
    "rename@1=EINVAL",
    "rename@2=EINVAL",
    "getflags=ENOTTY",
    "setflags=EOPNOTSUPP",
    "setflags=EIO",
    "name_to_handle=EOPNOTSUPP",
    "fallocate=EOPNOTSUPP",
    "linux6.1",
};

constexpr const char* kSeldomLacks[] = {
    "create@1=EISDIR",  // a nameless file, as older kernels answer
    "setflags=ENOTTY",
    "getflags@2+=ENOTTY",
    "chown=EINVAL",
};

// A rename that the filesystem lacks, and a failure in what stands in for it (R21).
std::string LacksRename(unsigned where) {
  return "rename@" + std::to_string(1 + where % 2) + "=EINVAL,change@" + std::to_string(2 + where / 2 % 16) +
         "=EIO";
}

// How the step is cut off, as bytes of the header say.
struct Cut {
  size_t step = 0;
  std::string plan;
  bool crash = false;
  bool asks_wrongly = false;  // before the step
};

// A plan whose errnos suit the calls.
struct Planned final : public FaultHook {
  explicit Planned(FaultPlan& of) : plan(of) {}
  int Before(Op op) override { return fuzz::AsToldTo(op, plan.Before(op)); }
  FaultPlan& plan;
};

// What a step asks for when nothing fails.
struct Asked final : public FaultHook {
  int Before(Op op) override {
    ++calls;
    changes += OpChangesDisk(op) ? 1 : 0;
    return 0;
  }
  unsigned calls = 0, changes = 0;
};

unsigned ByteAt(std::string_view bytes, size_t i) {
  return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u;
}

size_t CutStep(std::string_view bytes, size_t steps) {
  return (ByteAt(bytes, 6) & 63) % steps;
}

// An empty plan: nothing can fail.
Cut CutOf(std::string_view bytes, size_t steps, const Asked& asked) {
  static constexpr const char* kWhat[] = {"dead", "dead", "ENOSPC", "EIO"};
  static constexpr const char* kErrnos[] = {"EIO",    "ENOSPC", "EDQUOT", "ENOMEM",
                                            "EMFILE", "ENFILE", "EROFS",  "EACCES"};
  const bool seldom = ByteAt(bytes, 4) >> 6 == 3;
  const unsigned where = ByteAt(bytes, 7);
  const auto nth = [](const char* of, unsigned from_0, const char* what) {
    return std::string(of) + "@" + std::to_string(1 + from_0) + "=" + what;
  };
  Cut cut{CutStep(bytes, steps), "", false, ByteAt(bytes, 2) >= 4};
  const char* error = kErrnos[(ByteAt(bytes, 4) >> 4 & 3) + (seldom ? 4 : 0)];
  switch (ByteAt(bytes, 6) >> 6) {
    case 0:
      cut.crash = where % 4 < 2;
      if (asked.changes > 0) cut.plan = nth("change", where / 4 % asked.changes, kWhat[where % 4]);
      break;
    case 1:
      if (asked.calls > 0) cut.plan = nth("any", where % asked.calls, error);
      break;
    case 2:
      if (!seldom) {
        cut.plan = kLacks[where % std::size(kLacks)];
      } else if (where < 4 * std::size(kSeldomLacks)) {
        cut.plan = kSeldomLacks[where / 4];
      } else {
        cut.plan = LacksRename(where);
      }
      break;
    default:
      if (asked.changes == 0) break;
      cut.plan = nth("change", where % asked.changes, error) + "," +
                 nth("any", asked.calls / 2 + where / 8 % (asked.calls + 1), error);
  }
  return cut;
}

// Nothing: the steps until then already went another way, which is for engine_model_fuzz to tell.
bool RunUntil(const Case& c, size_t end, Model& model, EngineClient& engine) {
  for (size_t i = 0; i < end; ++i) {
    if (RunStep(model, c.steps[i]) != RunStep(engine, c.steps[i])) return false;
  }
  return true;
}

// Who was told that it is done finds it done; who was not, one or the other: what is opened to be truncated
// is empty once it is copied up (C9).
std::string CheckLive(const std::string& expected, const std::string& seen, const Tree& before,
                      const Tree& after, EngineClient& engine) {
  const Tree live = SeeWithoutLinks(engine);
  if (seen != expected && seen.starts_with("ok")) return "answered " + seen + ", not " + expected;
  if (seen != expected) return Neither("the live tree is", before, after, live);
  const std::string difference = Difference(after, live);
  return difference.empty() ? "" : "answered " + seen + ", but in the live tree: " + difference;
}

Asked AskedBy(const Case& c, size_t step, uint8_t settings) {
  Asked asked;
  ScratchStack stack;
  if (!stack.Write(c).ok()) return asked;
  Model model(c.options, c.lowers, CopyOfLayer(c.upper));
  EngineMount mount(stack.ConfigOf(c, settings));
  if (!mount.Mount().ok()) return asked;
  EngineClient engine(mount);
  if (!RunUntil(c, step, model, engine)) return asked;
  ScopedFaults counting(&asked);
  (void)RunStep(engine, c.steps[step]);
  return asked;
}

std::string RunCut(const Case& c, const Cut& cut, Model& model, EngineMount& mount) {
  if (!mount.Mount().ok()) return "the layers cannot be mounted";
  auto engine = std::make_unique<EngineClient>(mount);
  if (!RunUntil(c, cut.step, model, *engine)) return "";
  const Step& step = c.steps[cut.step];
  const std::string allowed = cut.asks_wrongly ? engine->AskWrongly(step.path, step.path2) : "";
  if (!allowed.empty()) return "not refused: " + allowed;
  const Tree before = SeeWithoutLinks(model);
  const std::string expected = WithoutLinks(RunStep(model, step));
  const Tree after = SeeWithoutLinks(model);
  auto plan = FaultPlan::Parse(cut.plan);
  std::string seen;
  {
    Planned planned(**plan);
    ScopedFaults faults(&planned);
    seen = WithoutLinks(RunStep(*engine, step));
    // Who crashes tidies nothing up.
    if (cut.crash) engine.reset(), mount.Unmount();
  }
  std::string wrong;
  if (!cut.crash) {
    wrong = CheckLive(expected, seen, before, after, *engine);
    engine.reset();
    mount.Unmount();
    if (!wrong.empty()) return wrong;
  }
  if (!mount.Mount().ok()) return "the layers cannot be mounted again";
  EngineClient fresh(mount);
  return Neither("the tree of a fresh mount is", before, after, SeeWithoutLinks(fresh));
}

// What is done with the step is nobody's business, what it leaves behind is.
std::string RunMeddled(std::string_view bytes, const Case& c, size_t step, uint8_t settings) {
  const Asked asked = AskedBy(c, step, settings);
  ScratchStack stack;
  if (!stack.Write(c).ok()) return "the layers cannot be written";
  EngineMount mount(stack.ConfigOf(c, settings));
  if (settings & 128) mount.TellsNobody();
  if (!mount.Mount().ok()) return "the layers cannot be mounted";
  fuzz::Meddler meddler(bytes, c, c.steps[step], stack, asked.calls);
  {
    EngineClient engine(mount);
    for (size_t i = 0; i <= step; ++i) {
      ScopedFaults meddling(i == step ? &meddler : nullptr);
      (void)RunStep(engine, c.steps[i]);
    }
  }
  mount.Unmount();
  std::string wrong = meddler.CheckHandMade();
  if (wrong.empty()) wrong = meddler.CheckLeft(c, mount);
  mount.Unmount();
  return wrong.empty() ? "" : "step " + std::to_string(step + 1) + " meddled with: " + wrong;
}

std::string Run(std::string_view bytes) {
  const Case c = DecodeCase(bytes, Draw::kMore);
  if (!c.upper || c.steps.empty()) return "";
  const size_t step = CutStep(bytes, c.steps.size());
  if (c.steps[step].kind == StepKind::kRemount) return "";
  const auto settings = static_cast<uint8_t>(ByteAt(bytes, 5));
  if (fuzz::Meddler::IsAskedFor(bytes)) return RunMeddled(bytes, c, step, settings);
  const Cut cut = CutOf(bytes, c.steps.size(), AskedBy(c, step, settings));
  if (cut.plan.empty()) return "";
  ScratchStack stack;
  if (!stack.Write(c).ok()) return "the layers cannot be written";
  Model model(c.options, c.lowers, CopyOfLayer(c.upper));
  EngineMount mount(stack.ConfigOf(c, settings));
  if (settings & 128) mount.TellsNobody();
  std::string wrong = RunCut(c, cut, model, mount);
  mount.Unmount();
  if (wrong.empty() && !stack.CheckLowers(c).ok()) wrong = "a lower layer was changed";
  if (wrong.empty()) wrong = stack.LeftInWork();
  return wrong.empty() ? "" : "step " + std::to_string(cut.step + 1) + " with " + cut.plan + ": " + wrong;
}

}  // namespace
}  // namespace plyfs::model

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const std::string wrong = plyfs::model::Run(bytes);
  if (wrong.empty()) return 0;
  std::fprintf(stderr, "%s\nDIFFERENCE %s\n",
               ToText(plyfs::model::DecodeCase(bytes, plyfs::model::Draw::kMore)).c_str(), wrong.c_str());
  std::abort();
}
