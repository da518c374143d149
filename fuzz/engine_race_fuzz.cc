// The engine with two or three threads at once: the steps of a case (engine/testing/overlay_case.h) dealt out
// in turn, each thread a client of the same mount.  Afterwards the mount shows what a fresh mount of the same
// layers shows, no lower was changed and nothing is left in the work directory.  What else, byte 5 of the
// header says by its two highest bits:
//   11  all steps but the last two come before, on one thread; of these two the answers and the tree are
//   those of
//       one order or the other, by the model (of two steps only always)
//   10  each thread does all steps but those that take names away; so nobody may be told that what he knows
//   is
//       stale (C12)
//
// Byte 7, where it is not 0 and steps are only dealt out: the first thread's call that fails.
//
// Which thread comes first is chance, so a finding may need more than one run of its input.  Needs root;
// layers lie in /dev/shm.
//
// unit: engine/ops/exclusion.cc engine/ops/name_change.cc
#include <errno.h>
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

bool TakesNamesAway(const Step& step) {
  return step.kind == StepKind::kUnlink || step.kind == StepKind::kRemoveDir ||
         step.kind == StepKind::kRename;
}

// Which thread does which steps, in turn.
using Parts = std::vector<std::vector<const Step*>>;
using Answers = std::vector<std::vector<std::string>>;

// One call of a thread fails; the others are as without it.
class FailsOnce final : public FaultHook {
 public:
  explicit FailsOnce(unsigned call) : call_(call), others_(CurrentFaults()) {}
  int Before(Op op) override {
    if (++seen_ == call_) return EIO;
    return others_ ? others_->Before(op) : 0;
  }

 private:
  const unsigned call_;
  unsigned seen_ = 0;
  FaultHook* others_;
};

// `dawdling`: the calls of a thread take their time now and then, so that others come between; 0: they do
// not.
Answers RunThreads(const Parts& parts, bool asks_again, uint64_t dawdling, unsigned failing,
                   EngineMount& mount) {
  Answers answers(parts.size());
  std::vector<std::thread> threads;
  for (size_t t = 0; t < parts.size(); ++t) {
    threads.emplace_back([&, t] {
      std::optional<Dawdle> dawdle;
      if (dawdling != 0) dawdle.emplace(dawdling + t);
      FailsOnce fails(t == 0 ? failing : 0);
      ScopedFaults faults(&fails);
      EngineClient client(mount);
      for (const Step* step : parts[t]) {
        answers[t].push_back(asks_again ? RunAsClient(client, *step) : RunStep(client, *step));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return answers;
}

// What the model says of the steps in one order: the answers of the last two, which are to race, and the
// tree.
struct Outcome {
  std::string first, second;
  Tree tree;
};

Model BeforeTheLastTwo(const Case& c) {
  Model model(c.options, c.lowers, CopyOfLayer(c.upper));
  for (size_t i = 0; i + 2 < c.steps.size(); ++i) {
    if (!IsForOne(c.steps[i])) (void)RunStep(model, c.steps[i]);
  }
  return model;
}

Outcome InOrder(const Case& c, size_t first, size_t second) {
  Model model = BeforeTheLastTwo(c);
  Outcome outcome;
  const std::string one = RunStep(model, c.steps[first]), other = RunStep(model, c.steps[second]);
  outcome.first = first < second ? one : other;
  outcome.second = first < second ? other : one;
  outcome.tree = SeeTree(model, Ghosts::kHide);
  return outcome;
}

// The other of the last two steps has walked to a directory that this one has taken away since: it is dead,
// as in the kernel (fs/namei.c: IS_DEADDIR), and nothing is done.
Outcome InADeadDirectory(const Case& c, size_t done) {
  Model model = BeforeTheLastTwo(c);
  Outcome outcome;
  const bool is_last = done + 1 == c.steps.size();
  (is_last ? outcome.second : outcome.first) = RunStep(model, c.steps[done]);
  (is_last ? outcome.first : outcome.second) = "ENOENT";
  outcome.tree = SeeTree(model, Ghosts::kHide);
  return outcome;
}

// How a seen outcome differs; empty where it does not.
std::string DifferenceOf(const Outcome& expected, const Outcome& seen) {
  if (expected.first != seen.first || expected.second != seen.second) {
    return "answers " + expected.first + " and " + expected.second + ", not " + seen.first + " and " +
           seen.second;
  }
  return Difference(expected.tree, seen.tree);
}

std::string CompareWithOrders(const Case& c, const Outcome& seen) {
  const size_t last = c.steps.size() - 1;
  const std::string first = DifferenceOf(InOrder(c, last - 1, last), seen);
  const std::string second = DifferenceOf(InOrder(c, last, last - 1), seen);
  if (first.empty() || second.empty()) return "";
  for (size_t done : {last - 1, last}) {
    if (TakesNamesAway(c.steps[done]) && DifferenceOf(InADeadDirectory(c, done), seen).empty()) return "";
  }
  return "from both orders: " + first + "\nand " + second;
}

enum class Way { kDealtOut, kLastTwo, kAllAtOnce };

Way WayOf(const Case& c, uint8_t settings) {
  const size_t steps = c.steps.size();
  if (settings >> 6 == 2) return Way::kAllAtOnce;
  if ((settings >> 6 != 3 && steps != 2) || steps < 2) return Way::kDealtOut;
  const Step &one = c.steps[steps - 2], &other = c.steps[steps - 1];
  // Files that the threads' clients have open are their own.
  const auto fits = [](const Step& s) { return !IsForOne(s) && s.kind < StepKind::kOpen; };
  // The client's kernel reads no directory while it is being replaced (fs/namei.c: vfs_rename locks it).
  const auto excluded = [](const Step& a, const Step& b) {
    return a.kind == StepKind::kList && TakesNamesAway(b);
  };
  if (excluded(one, other) || excluded(other, one)) return Way::kDealtOut;
  return fits(one) && fits(other) ? Way::kLastTwo : Way::kDealtOut;
}

Parts PartsOf(const Case& c, Way way, uint8_t settings) {
  Parts parts(way == Way::kLastTwo ? 2 : 2 + settings % 2);
  for (size_t i = 0; i < c.steps.size(); ++i) {
    const Step& step = c.steps[i];
    if (IsForOne(step)) continue;
    if (way == Way::kAllAtOnce) {
      if (TakesNamesAway(step)) continue;
      for (auto& part : parts) part.push_back(&step);
    } else if (way == Way::kDealtOut) {
      parts[i % parts.size()].push_back(&step);
    } else if (i + 2 >= c.steps.size()) {
      parts[i + 2 - c.steps.size()].push_back(&step);
    }
  }
  return parts;
}

// What the threads' answers show to be wrong already.
std::string CheckStale(const Answers& answers) {
  for (const auto& of_thread : answers) {
    for (const std::string& answer : of_thread) {
      if (answer == "ESTALE") return "ESTALE, though no name was taken away";
    }
  }
  return "";
}

std::string Run(const Case& c, uint8_t settings, uint8_t failing) {
  ScratchStack stack;
  if (!stack.Write(c).ok()) return "the layers cannot be written";
  EngineMount mount(stack.ConfigOf(c, settings));
  mount.HasManyClients();
  if (!mount.Mount().ok()) return "the layers cannot be mounted";
  const Way way = WayOf(c, settings);
  if (way == Way::kLastTwo) {
    EngineClient before(mount);
    for (size_t i = 0; i + 2 < c.steps.size(); ++i) {
      if (!IsForOne(c.steps[i])) (void)RunStep(before, c.steps[i]);
    }
  }
  if (way != Way::kDealtOut) failing = 0;
  const Answers answers =
      RunThreads(PartsOf(c, way, settings), way != Way::kAllAtOnce, settings / 4, failing, mount);
  std::string wrong = way == Way::kAllAtOnce ? CheckStale(answers) : "";
  {
    EngineClient client(mount);
    const Tree live = SeeTree(client, Ghosts::kHide);
    if (!client.Remount().ok()) return "the layers cannot be mounted again";
    const Tree fresh = SeeTree(client, Ghosts::kHide);
    if (wrong.empty()) wrong = Difference(fresh, live);
    if (wrong.empty() && way == Way::kLastTwo) {
      wrong = CompareWithOrders(c, {answers[0].front(), answers[1].front(), fresh});
    }
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
  const std::string wrong = plyfs::model::Run(c, size > 5 ? data[5] : 0, size > 7 ? data[7] : 0);
  if (wrong.empty()) return 0;
  std::fprintf(stderr, "%s\nDIFFERENCE %s\n", ToText(c).c_str(), wrong.c_str());
  std::abort();
}
