// The engine with two or three threads at once: the steps of a case (engine/testing/overlay_case.h) dealt out
// in turn, each thread a client of the same mount.  Afterwards the mount shows what a fresh mount of the same
// layers shows, no lower was changed and nothing is left in the work directory.  Of two steps only, the tree
// is moreover that of one order or the other, by the model.
//
// Which thread comes first is chance, so a finding may need more than one run of its input.  Needs root;
// layers lie in /dev/shm.
//
// unit: engine/ops/exclusion.cc engine/ops/name_change.cc
#include <stdio.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/testing/dawdle.h"
#include "engine/testing/engine_client.h"
#include "engine/testing/layer_on_disk.h"
#include "engine/testing/overlay_case.h"
#include "engine/testing/scratch_stack.h"
#include "fuzz/record_mutator.h"

namespace plyfs::model {
namespace {

bool IsForOne(const Step& step) {
  return step.kind == StepKind::kRemount;  // of the whole mount
}

// A client asks once more where the answer is that what it knew is no longer so (fs/namei.c:do_filp_open).
std::string RunAsClient(Overlay& overlay, const Step& step) {
  const std::string answer = RunStep(overlay, step);
  return answer == "ESTALE" ? RunStep(overlay, step) : answer;
}

// `dawdling`: the calls of a thread take their time now and then, so that others come between; 0: they do
// not.
void RunThreads(const Case& c, size_t count, uint64_t dawdling, EngineMount& mount) {
  std::vector<std::thread> threads;
  for (size_t t = 0; t < count; ++t) {
    threads.emplace_back([&, t] {
      std::optional<Dawdle> dawdle;
      if (dawdling != 0) dawdle.emplace(dawdling + t);
      EngineClient client(mount);
      for (size_t i = t; i < c.steps.size(); i += count) {
        if (!IsForOne(c.steps[i])) (void)RunAsClient(client, c.steps[i]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

Tree TreeAfter(const Case& c, std::vector<size_t> order) {
  Model model(c.options, c.lowers, CopyOfLayer(c.upper));
  for (size_t i : order) (void)RunStep(model, c.steps[i]);
  return SeeTree(model, Ghosts::kHide);
}

std::string CompareWithOrders(const Case& c, const Tree& seen) {
  if (c.steps.size() != 2 || IsForOne(c.steps[0]) || IsForOne(c.steps[1])) return "";
  const std::string first = Difference(TreeAfter(c, {0, 1}), seen);
  const std::string second = Difference(TreeAfter(c, {1, 0}), seen);
  if (first.empty() || second.empty()) return "";
  return "from both orders: " + first + "\nand " + second;
}

std::string Run(const Case& c, uint8_t settings) {
  ScratchStack stack;
  if (!stack.Write(c).ok()) return "the layers cannot be written";
  EngineMount mount(stack.ConfigOf(c, settings));
  mount.HasManyClients();
  if (!mount.Mount().ok()) return "the layers cannot be mounted";
  RunThreads(c, c.steps.size() == 2 ? 2 : 2 + settings % 2, settings / 4, mount);
  std::string wrong;
  {
    EngineClient client(mount);
    const Tree live = SeeTree(client, Ghosts::kHide);
    if (!client.Remount().ok()) return "the layers cannot be mounted again";
    const Tree fresh = SeeTree(client, Ghosts::kHide);
    wrong = Difference(fresh, live);
    if (!wrong.empty()) return "of the live mount from a fresh one: " + wrong;
    wrong = CompareWithOrders(c, fresh);
  }
  mount.Unmount();
  if (!wrong.empty()) return wrong;
  if (!stack.CheckLowers(c).ok()) return "a lower layer was changed";
  return c.upper ? stack.LeftInWork() : "";
}

}  // namespace
}  // namespace plyfs::model

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const plyfs::model::Case c = plyfs::model::DecodeCase(bytes);
  const std::string wrong = plyfs::model::Run(c, size > 5 ? data[5] : 0);
  if (wrong.empty()) return 0;
  std::fprintf(stderr, "%s\nDIFFERENCE %s\n", ToText(c).c_str(), wrong.c_str());
  std::abort();
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return plyfs::fuzz::MutateRecords(data, size, max_size, seed);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* one, size_t one_size, const uint8_t* two,
                                            size_t two_size, uint8_t* out, size_t max_size, unsigned seed) {
  return plyfs::fuzz::SpliceRecords({one, one_size}, {two, two_size}, {out, max_size}, seed);
}
