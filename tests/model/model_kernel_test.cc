// The model against kernel overlayfs: the same layers and the same random operations, and then the same
// answers, the same merged tree, before and after a remount, and the same upper directory.
//
// PLYFS_MODEL_SEED and PLYFS_MODEL_SEEDS choose the first seed and how many there are.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <set>

#include "engine/testing/layer_on_disk.h"
#include "engine/testing/overlay_case.h"
#include "engine/testing/scratch_stack.h"
#include "tests/model/kernel_client.h"
#include "tests/mount/mount_fixture.h"

namespace plyfs::model {
namespace {

std::string RandomCase(unsigned seed) {
  std::mt19937 dice(seed);
  const size_t objects = 3 + dice() % 30, steps = 5 + dice() % 40;
  std::string bytes;
  for (size_t record = 0; record <= objects + steps; ++record) {
    for (size_t i = 0; i < kRecord; ++i) bytes += static_cast<char>(dice());
    char& kind = bytes[record * kRecord];
    kind = static_cast<char>(record <= objects ? static_cast<unsigned char>(kind) % 64
                                               : 64 + static_cast<unsigned char>(kind) % 192);
  }
  return bytes;
}

bool IsRawWhiteout(const Ref& object) {
  return object->type == Type::kChar && object->major == 0 && object->minor == 0;
}

// What of a case must be otherwise for the kernel: directories of upper with raw whiteouts have an origin, so
// that it hides them (D9), and none has an impure mark, which would have it look up what it lists (D14).
void DressForKernel(const Ref& object, const Options& options) {
  if (object->type != Type::kDir) return;
  const std::string prefix = options.userxattr ? "user.overlay." : "trusted.overlay.";
  object->xattrs.erase(prefix + "impure");
  for (const auto& [name, entry] : object->entries) {
    if (IsRawWhiteout(entry)) object->xattrs[prefix + "origin"] = "";
    DressForKernel(entry, options);
  }
}

test::MountPlan PlanOf(const Case& c, const ScratchStack& stack) {
  static constexpr const char* kRedirects[] = {"off", "follow", "nofollow", "on"};
  test::MountPlan plan;
  for (size_t i = 0; i < c.lowers.size(); ++i) plan.lowers.push_back(stack.Lower(i));
  if (c.upper) {
    plan.upper = stack.upper();
    plan.work = stack.work();
  }
  plan.options = "index=off,metacopy=off";
  plan.options += c.options.userxattr
                      ? ",userxattr"
                      : std::string(",redirect_dir=") + kRedirects[static_cast<int>(c.options.redirect_dir)];
  plan.options +=
      c.options.opaque_mkdir && c.options.redirect_dir != Redirects::kOn ? ",xino=on" : ",xino=off";
  plan.mountpoint = stack.mountpoint();
  return plan;
}

class Trial {
 public:
  // Empty where the model was right.
  std::string operator()(const std::string& bytes) {
    c_ = DecodeCase(bytes);
    if (c_.upper) DressForKernel(c_.upper, c_.options);
    if (!stack_.Write(c_).ok()) return "the layers cannot be written";
    Model model(c_.options, c_.lowers, CopyOfLayer(c_.upper));
    KernelClient kernel(PlanOf(c_, stack_));
    if (!kernel.Mount().ok()) return "the layers cannot be mounted";
    std::string wrong = RunSteps(model, kernel);
    if (wrong.empty() && !given_up_) wrong = CompareTrees(model, kernel, "in the merged tree:");
    if (wrong.empty() && !given_up_ && !kernel.Remount().ok()) wrong = "the layers cannot be mounted again";
    if (wrong.empty() && !given_up_) wrong = CompareTrees(model, kernel, "in the tree of a fresh mount:");
    kernel.Unmount();
    if (!wrong.empty() || given_up_ || !c_.upper) return wrong;
    return CompareUppers(model);
  }
  bool given_up() const { return given_up_; }

 private:
  // Where plyfs, and the model, differ from the kernel on purpose.
  bool IsMasked(Model& model, const Step& step) const {
    switch (step.kind) {
      case StepKind::kStatSlot:   // S10
      case StepKind::kChmodSlot:  // N19
      case StepKind::kSetXattrSlot:
      case StepKind::kLinkSlot:
        return model.IsUnlinkedLower(step.slot);
      case StepKind::kRemoveDir:  // X5
        return model.HasGhosts(step.path);
      case StepKind::kList:
        return HoldsRefused(model, step.path);
      case StepKind::kRename:
        return model.HasGhosts(step.path2) || IsDressed(model, step.path2);
      default:
        return false;
    }
  }

  // L14: to the kernel what two redirects lead to is one object.
  static bool IsClaimedTwice(Model& model, const Path& path, std::set<const Object*>* seen) {
    Result<Stack> stack = model.Find(path);
    if (!stack.ok()) return false;
    const bool is_dir = stack->front().object->type == Type::kDir;
    for (const Member& member : *stack) {
      if (member.layer == 0 || (!is_dir && member.object->links > 1)) continue;
      if (!seen->insert(member.object.get()).second) return true;
    }
    if (!is_dir) return false;
    const Result<Listing> listing = model.List(path);
    for (const auto& [name, type] : *listing) {
      if (IsClaimedTwice(model, JoinPath(path, name), seen)) return true;
    }
    return false;
  }

  // To the kernel a directory of upper with an origin may hold whiteouts, so that it looks into it early
  // (R20).
  static bool IsDressed(Model& model, const Path& path) {
    Result<Stack> stack = model.Find(path);
    if (!stack.ok() || stack->size() > 1 || stack->front().layer != 0) return false;
    const Object& object = *stack->front().object;
    return object.type == Type::kDir && object.given;
  }

  std::string RunSteps(Model& model, KernelClient& kernel) {
    std::vector<Step> steps = c_.steps;
    for (Step& look : LooksAtOpenFiles()) steps.push_back(std::move(look));
    for (size_t i = 0; i < steps.size() && !given_up_; ++i) {
      std::set<const Object*> claimed;
      given_up_ = IsClaimedTwice(model, "", &claimed);
      if (given_up_) return "";
      if (IsMasked(model, steps[i])) continue;
      const std::string expected = RunStep(model, steps[i]);
      const std::string seen = RunStep(kernel, steps[i]);
      if (IsRefusal(seen)) {
        given_up_ = true;
      } else if (expected != seen) {
        return "at step " + std::to_string(i + 1) + ", " + ToText(steps[i]) + "\n  expected: " + expected +
               "\n  seen:     " + seen;
      }
    }
    return "";
  }

  // L14: what two names lead to is refused by the kernel.
  static bool IsRefusal(const std::string& text) { return text == "ESTALE" || text == "ELOOP"; }

  // D14: the kernel may leave refused names out, or not list their directory to its end.
  static bool HoldsRefused(Model& model, const Path& dir) {
    Result<Listing> listing = model.List(dir);
    if (!listing.ok()) return false;
    for (const auto& [name, type] : *listing) {
      const int error = model.Stat(JoinPath(dir, name)).error();
      if (error != 0 && error != ENOENT) return true;
    }
    return false;
  }

  std::string CompareTrees(Model& model, KernelClient& kernel, const char* what) {
    const Tree seen = SeeTree(kernel, Ghosts::kHide);
    Tree expected = SeeTree(model, Ghosts::kHide);
    std::erase_if(expected, [&](const auto& entry) {
      return entry.second.starts_with("errno ") && !seen.contains(entry.first);
    });
    for (const auto& [path, text] : seen) {
      const std::string refused = "errno " + std::to_string(ESTALE);
      given_up_ |= text == refused || text.ends_with(" list " + refused);
      given_up_ |= text.find(" list errno ") != std::string::npos && HoldsRefused(model, path);
    }
    if (given_up_) return "";
    const std::string difference = Difference(expected, seen);
    return difference.empty() ? "" : std::string(what) + " " + difference;
  }

  std::string CompareUppers(const Model& model) const {
    Result<Ref> upper = ReadLayer(stack_.upper());
    if (!upper.ok()) return "upper cannot be read";
    DropOpenOrigins(model.upper(), *upper);
    const Ref expected = CopyOfLayer(model.upper());
    DropOpenOrigins(expected, expected);
    const std::string difference = Difference(LayerText(expected), LayerText(*upper));
    return difference.empty() ? "" : "in upper: " + difference;
  }

  ScratchStack stack_;
  Case c_;
  bool given_up_ = false;
};

std::string Try(const std::string& bytes) {
  return Trial()(bytes);
}

unsigned FromEnvironment(const char* name, unsigned otherwise) {
  const char* text = std::getenv(name);
  return text ? static_cast<unsigned>(std::atoi(text)) : otherwise;
}

// rules: L1-L13 X5 D1 S7 S8 C1 C9 C15 N1-N18 R1-R16 A6 A7
TEST(ModelKernelTest, TheModelSaysWhatTheKernelDoes) {
  const std::string why_not = test::WhyNoMounts();
  if (!why_not.empty()) GTEST_SKIP() << why_not;
  const unsigned first = FromEnvironment("PLYFS_MODEL_SEED", 1),
                 seeds = FromEnvironment("PLYFS_MODEL_SEEDS", 300);
  unsigned given_up = 0;
  for (unsigned seed = first; seed < first + seeds; ++seed) {
    const std::string bytes = RandomCase(seed);
    Trial trial;
    const std::string wrong = trial(bytes);
    given_up += trial.given_up();
    if (wrong.empty()) continue;
    const std::string few = ShrinkCase(bytes, [](const std::string& b) { return !Try(b).empty(); });
    FAIL() << "seed " << seed << "\n" << ToText(DecodeCase(few)) << Try(few);
  }
  EXPECT_LT(given_up, seeds / 2) << "too many cases lead to refusals of the kernel's";
}

}  // namespace
}  // namespace plyfs::model
