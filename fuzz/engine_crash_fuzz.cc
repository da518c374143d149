// The engine cut off in the middle of an operation: steps as in engine_model_fuzz, and at one of them one of
// its changes of the disk fails, or that and all further ones (a crash without dying).  Afterwards the merged
// tree is the one before the step or the one after it, by the model: of a fresh mount, and, where it was told
// of the failure, of the live one as well, which moreover has answered accordingly.
//
// Header: byte 6 says which step, byte 7 which of its changes and whether it fails with an errno.  Link
// counts are left out: copying up, which may have been done, changes them (S6, S7).  Needs root; layers lie
// in /dev/shm.
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

namespace plyfs::model {
namespace {

// How the step is cut off, as bytes of the header say.
struct Cut {
  size_t step = 0;
  unsigned change = 0;  // of those that the step makes, counted round
  const char* what = "";
  bool crash = false;
};

Cut CutOf(std::string_view bytes, size_t steps) {
  static constexpr const char* kWhat[] = {"dead", "dead", "ENOSPC", "EIO"};
  const auto at = [&](size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u; };
  Cut cut;
  cut.step = at(6) % steps;
  cut.what = kWhat[at(7) % 4];
  cut.crash = at(7) % 4 < 2;
  cut.change = at(7) / 4;
  return cut;
}

Tree SeeWithoutLinks(Overlay& overlay) {
  Tree tree = SeeTree(overlay, Ghosts::kHide);
  for (auto& [path, text] : tree) {
    const size_t links = text.find(" links ");
    if (links != std::string::npos) text.erase(links, text.find(' ', links + 7) - links);
  }
  return tree;
}

std::string Neither(const char* where, const Tree& before, const Tree& after, const Tree& seen) {
  const std::string from_before = Difference(before, seen), from_after = Difference(after, seen);
  if (from_before.empty() || from_after.empty()) return "";
  return std::string(where) + " neither as before: " + from_before + "\nnor as after: " + from_after;
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
  if (seen != expected) return Neither("the live tree is", before, after, live);
  const std::string difference = Difference(after, live);
  return difference.empty() ? "" : "answered " + seen + ", but in the live tree: " + difference;
}

// How many changes of the disk the step makes when nothing fails.
uint64_t CountChanges(const Case& c, const Cut& cut, uint8_t settings) {
  ScratchStack stack;
  if (!stack.Write(c).ok()) return 0;
  Model model(c.options, c.lowers, CopyOfLayer(c.upper));
  EngineMount mount(stack.ConfigOf(c, settings));
  if (!mount.Mount().ok()) return 0;
  EngineClient engine(mount);
  if (!RunUntil(c, cut.step, model, engine)) return 0;
  auto plan = FaultPlan::Parse("change@1000000=EIO");
  ScopedFaults counting(plan->get());
  (void)RunStep(engine, c.steps[cut.step]);
  return (*plan)->changes();
}

std::string RunCut(const Case& c, const Cut& cut, const std::string& plan_text, Model& model,
                   EngineMount& mount) {
  if (!mount.Mount().ok()) return "the layers cannot be mounted";
  auto engine = std::make_unique<EngineClient>(mount);
  if (!RunUntil(c, cut.step, model, *engine)) return "";
  const Step& step = c.steps[cut.step];
  const Tree before = SeeWithoutLinks(model);
  const std::string expected = RunStep(model, step);
  const Tree after = SeeWithoutLinks(model);
  auto plan = FaultPlan::Parse(plan_text);
  std::string seen;
  {
    ScopedFaults faults(plan->get());
    seen = RunStep(*engine, step);
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

std::string Run(std::string_view bytes) {
  const Case c = DecodeCase(bytes);
  if (!c.upper || c.steps.empty()) return "";
  const Cut cut = CutOf(bytes, c.steps.size());
  if (c.steps[cut.step].kind == StepKind::kRemount) return "";
  const uint8_t settings = bytes.size() > 5 ? static_cast<uint8_t>(bytes[5]) : 0;
  const uint64_t changes = CountChanges(c, cut, settings);
  if (changes == 0) return "";
  const std::string plan = "change@" + std::to_string(1 + cut.change % changes) + "=" + cut.what;
  ScratchStack stack;
  if (!stack.Write(c).ok()) return "the layers cannot be written";
  Model model(c.options, c.lowers, CopyOfLayer(c.upper));
  EngineMount mount(stack.ConfigOf(c, settings));
  std::string wrong = RunCut(c, cut, plan, model, mount);
  mount.Unmount();
  if (wrong.empty() && !stack.CheckLowers(c).ok()) wrong = "a lower layer was changed";
  if (wrong.empty()) wrong = stack.LeftInWork();
  return wrong.empty() ? "" : "step " + std::to_string(cut.step + 1) + " with " + plan + ": " + wrong;
}

}  // namespace
}  // namespace plyfs::model

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const std::string wrong = plyfs::model::Run(bytes);
  if (wrong.empty()) return 0;
  std::fprintf(stderr, "%s\nDIFFERENCE %s\n", ToText(plyfs::model::DecodeCase(bytes)).c_str(), wrong.c_str());
  std::abort();
}
