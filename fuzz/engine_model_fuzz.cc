// The engine against the model: layers, mount options and a sequence of operations that the fuzzer chooses
// (engine/testing/overlay_case.h), each answer, the merged tree at the end, that of a fresh mount and what
// lies in upper compared with what the model says.  The first difference ends the program with the sequence
// as text.
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
#include <string>

#include "engine/testing/engine_client.h"
#include "engine/testing/layer_on_disk.h"
#include "engine/testing/overlay_case.h"
#include "engine/testing/scratch_stack.h"
#include "fuzz/record_mutator.h"

namespace plyfs::model {
namespace {

std::string Failed(const char* what, int error) {
  return std::string(what) + ": errno " + std::to_string(error);
}

std::string Unlike(const char* what, const Tree& expected, const Tree& seen) {
  const std::string difference = Difference(expected, seen);
  return difference.empty() ? "" : std::string(what) + " " + difference;
}

std::string RunSteps(const std::vector<Step>& steps, Model& model, EngineClient& engine) {
  for (size_t i = 0; i < steps.size(); ++i) {
    const std::string expected = RunStep(model, steps[i]);
    const std::string seen = RunStep(engine, steps[i]);
    if (expected == seen) continue;
    return "at step " + std::to_string(i + 1) + ", " + ToText(steps[i]) + "\n  expected: " + expected +
           "\n  seen:     " + seen;
  }
  return "";
}

// The sequence, and the trees then; a fresh mount ends as it began.
std::string RunMounted(const Case& c, Model& model, EngineMount& mount) {
  if (Status mounted = mount.Mount(); !mounted.ok()) return Failed("mounting", mounted.error());
  EngineClient engine(mount);
  std::string wrong = RunSteps(c.steps, model, engine);
  if (wrong.empty()) wrong = RunSteps(LooksAtOpenFiles(), model, engine);
  if (!wrong.empty()) return wrong;
  wrong = Unlike("in the merged tree:", SeeTree(model, Ghosts::kHide), SeeTree(engine, Ghosts::kHide));
  if (!wrong.empty()) return wrong;
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
  std::string wrong = RunMounted(c, model, mount);
  mount.Unmount();
  if (!wrong.empty()) return wrong;
  if (!stack.CheckLowers(c).ok()) return "a lower layer was changed";
  if (!c.upper) return "";
  Result<Ref> upper = ReadLayer(stack.upper());
  if (!upper.ok()) return Failed("reading upper", upper.error());
  DropOpenOrigins(model.upper(), *upper);
  wrong = Unlike("in upper:", LayerText(model.upper()), LayerText(*upper));
  if (!wrong.empty()) return wrong;
  const std::string left = stack.LeftInWork();
  return left.empty() ? "" : "left in the work directory: " + left;
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

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return plyfs::fuzz::MutateRecords(data, size, max_size, seed);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* one, size_t one_size, const uint8_t* two,
                                            size_t two_size, uint8_t* out, size_t max_size, unsigned seed) {
  return plyfs::fuzz::SpliceRecords({one, one_size}, {two, two_size}, {out, max_size}, seed);
}
