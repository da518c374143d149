#include "tests/model/side_by_side.h"

#include <random>

#include "engine/testing/layer_on_disk.h"

namespace plyfs::model {
namespace {

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

// L14: to the kernel what two redirects lead to is one object.
bool IsClaimedTwice(Model& model, const Path& path, std::set<const Object*>* seen) {
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
bool IsDressed(Model& model, const Path& path) {
  Result<Stack> stack = model.Find(path);
  if (!stack.ok() || stack->size() > 1 || stack->front().layer != 0) return false;
  const Object& object = *stack->front().object;
  return object.type == Type::kDir && object.given;
}

// L14: what two names lead to is refused by the kernel.
bool IsRefusal(const std::string& text) {
  return text == "ESTALE" || text == "ELOOP";
}

// D14: the kernel may leave refused names out, or not list their directory to its end.
bool HoldsRefused(Model& model, const Path& dir) {
  Result<Listing> listing = model.List(dir);
  if (!listing.ok()) return false;
  for (const auto& [name, type] : *listing) {
    const int error = model.Stat(JoinPath(dir, name)).error();
    if (error != 0 && error != ENOENT) return true;
  }
  return false;
}

Step LookAt(StepKind kind, const Path& path, const std::string& name = "") {
  Step step;
  step.kind = kind;
  step.path = path;
  step.name = name;
  return step;
}

// Steps that look at all that the model shows from `path` on.
void AddLooks(Model& model, const Path& path, std::vector<Step>* looks) {
  const Result<Sight> sight = model.Stat(path);
  if (sight.error() == ENOENT) return;  // listed, but nothing is there (X5)
  looks->push_back(LookAt(StepKind::kStat, path));
  if (!sight.ok()) return;
  looks->push_back(LookAt(StepKind::kListXattr, path));
  if (const auto names = model.ListXattr(path); names.ok()) {
    for (const std::string& name : *names) looks->push_back(LookAt(StepKind::kGetXattr, path, name));
  }
  if (sight->type == Type::kFile) looks->push_back(LookAt(StepKind::kReadFile, path));
  if (sight->type == Type::kSymlink) looks->push_back(LookAt(StepKind::kReadLink, path));
  if (sight->type != Type::kDir) return;
  looks->push_back(LookAt(StepKind::kList, path));
  const Result<Listing> listing = model.List(path);
  if (!listing.ok()) return;
  for (const auto& [name, type] : *listing) AddLooks(model, JoinPath(path, name), looks);
}

std::vector<Step> LooksAtTree(Model& model) {
  std::vector<Step> looks;
  AddLooks(model, "", &looks);
  return looks;
}

bool IsError(const std::string& answer) {
  return answer != "ok" && !answer.starts_with("ok ");
}

// The first path at which the trees are not the same, if there is one.
std::optional<Path> FirstDifference(const Tree& expected, const Tree& seen) {
  for (const auto& [path, text] : expected) {
    const auto it = seen.find(path);
    if (it == seen.end() || it->second != text) return path;
  }
  for (const auto& [path, text] : seen) {
    if (!expected.contains(path)) return path;
  }
  return std::nullopt;
}

bool IsGiven(const Ref& root, const Path& path) {
  Ref at = root;
  for (size_t begin = 0; begin < path.size() && at;) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const auto it = at->entries.find(path.substr(begin, end - begin));
    at = it == at->entries.end() ? nullptr : it->second;
    begin = end + 1;
  }
  return at && at->given && at->type == Type::kDir;
}

test::MountPlan PlanOf(const Case& c, const ScratchStack& stack, const Subject& subject) {
  test::MountPlan plan;
  for (size_t i = 0; i < c.lowers.size(); ++i) plan.lowers.push_back(stack.Lower(i));
  if (c.upper) {
    plan.upper = stack.upper();
    plan.work = stack.work();
  }
  plan.options = OptionsFor(c.options, subject);
  plan.mountpoint = stack.mountpoint();
  plan.plain_call = subject.foreign;
  return plan;
}

}  // namespace

std::string RandomCase(unsigned seed, size_t asked) {
  std::mt19937 dice(seed);
  const size_t objects = 3 + dice() % 30, drawn = 5 + dice() % 40;
  const size_t steps = asked == 0 ? drawn : asked;
  std::string bytes;
  for (size_t record = 0; record <= objects + steps; ++record) {
    for (size_t i = 0; i < kRecord; ++i) bytes += static_cast<char>(dice());
    char& kind = bytes[record * kRecord];
    kind = static_cast<char>(record <= objects ? static_cast<unsigned char>(kind) % 64
                                               : 64 + static_cast<unsigned char>(kind) % 192);
  }
  return bytes;
}

Case CaseFor(const std::string& bytes, const Subject& subject) {
  Case c = DecodeCase(bytes);
  if (c.upper && !subject.IsPlyfs()) DressForKernel(c.upper, c.options);
  return c;
}

std::string OptionsFor(const Options& options, const Subject& subject) {
  static constexpr const char* kRedirects[] = {"off", "follow", "nofollow", "on"};
  if (subject.foreign) return subject.options;
  std::string text = "index=off,metacopy=off";
  text += options.userxattr
              ? ",userxattr"
              : std::string(",redirect_dir=") + kRedirects[static_cast<int>(options.redirect_dir)];
  text += options.opaque_mkdir && options.redirect_dir != Redirects::kOn ? ",xino=on" : ",xino=off";
  return subject.options.empty() ? text : text + "," + subject.options;
}

// Where plyfs, and the model, differ from the kernel on purpose.
bool SideBySide::IsMasked(Model& model, const Step& step) const {
  if (subject_.IsPlyfs()) return false;
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

std::optional<Wrong> SideBySide::Take(Model& model, MountClient& mount, const Step& step, const char* when,
                                      bool look) {
  if (IsMasked(model, step)) return std::nullopt;
  const std::string expected = RunStep(model, step), seen = RunStep(mount, step);
  taken_.push_back({step, expected, look});
  if (!subject_.IsPlyfs() && IsRefusal(seen)) {
    given_up_ = true;
    return std::nullopt;
  }
  if (expected == seen) return std::nullopt;
  const std::string what = KindName(step.kind);
  Wrong wrong{IsError(expected) || IsError(seen) ? "errno of " + what : what,
              ToText(step) + when + "\n  expected: " + expected + "\n  seen:     " + seen};
  if (ignored_.contains(wrong.kind)) return std::nullopt;
  return wrong;
}

std::optional<Wrong> SideBySide::TakeAll(Model& model, MountClient& mount, const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    std::set<const Object*> claimed;
    given_up_ = given_up_ || (!subject_.IsPlyfs() && IsClaimedTwice(model, "", &claimed));
    if (given_up_) return std::nullopt;
    if (Maybe wrong = Take(model, mount, step, "", /*look=*/false)) return wrong;
  }
  return std::nullopt;
}

std::optional<Wrong> SideBySide::Look(Model& model, MountClient& mount, const std::vector<Step>& looks,
                                      const char* when) {
  for (const Step& step : looks) {
    if (given_up_) return std::nullopt;
    if (Maybe wrong = Take(model, mount, step, when, /*look=*/true)) return wrong;
  }
  return std::nullopt;
}

std::optional<Wrong> SideBySide::Remount(Model& model, MountClient& mount) {
  Step step;
  step.kind = StepKind::kRemount;
  Maybe wrong = Take(model, mount, step, "", /*look=*/false);
  if (wrong) *wrong = {"mount", "the layers cannot be mounted again: " + mount.why()};
  return wrong;
}

std::optional<Wrong> SideBySide::CompareUppers(const Model& model) const {
  Result<Ref> upper = ReadLayer(stack_->upper());
  if (!upper.ok()) return Wrong{"upper", "upper cannot be read"};
  DropOpenOrigins(model.upper(), *upper);
  const Ref expected = CopyOfLayer(model.upper());
  DropOpenOrigins(expected, expected);
  Tree expected_text = LayerText(expected), seen = LayerText(*upper);
  const std::optional<Path> path = FirstDifference(expected_text, seen);
  if (!path || ignored_.contains("upper")) return std::nullopt;
  const auto text = [&path](const Tree& tree) { return tree.contains(*path) ? tree.at(*path) : "nothing"; };
  return Wrong{"upper", "in upper: " + Difference(expected_text, seen), *path, text(expected_text),
               IsGiven(model.upper(), *path)};
}

std::optional<Wrong> SideBySide::GoMounted(const Case& c, Model& model, MountClient& mount) {
  Maybe wrong = TakeAll(model, mount, c.steps);
  if (!wrong && !given_up_) wrong = Look(model, mount, LooksAtOpenFiles(), ", at the end");
  if (!wrong && !given_up_) wrong = Look(model, mount, LooksAtTree(model), ", at the end");
  if (!wrong && !given_up_) wrong = Remount(model, mount);
  if (!wrong && !given_up_) wrong = Look(model, mount, LooksAtTree(model), ", in a fresh mount");
  return wrong;
}

std::optional<Wrong> SideBySide::Go(Case c) {
  taken_.clear();
  given_up_ = false;
  if (!stack_->Write(c).ok()) return Wrong{"harness", "the layers cannot be written"};
  Model model(c.options, c.lowers, CopyOfLayer(c.upper));
  MountClient mount(PlanOf(c, *stack_, subject_), subject_.program, subject_.log_path);
  if (!mount.Mount().ok()) return Wrong{"mount", "the layers cannot be mounted: " + mount.why()};
  Maybe wrong = GoMounted(c, model, mount);
  const bool in_order = mount.Unmount();
  if (!wrong && !in_order) wrong = Wrong{"unmount", mount.why()};
  if (wrong || given_up_ || !c.upper || !subject_.compare_upper) return wrong;
  return CompareUppers(model);
}

}  // namespace plyfs::model
