#include "tests/differential/layers_check.h"

#include "tests/differential/tree_lines.h"

namespace plyfs::diff {
namespace {

using Maybe = std::optional<Difference>;

struct Way {
  const char* options;  // for both
  bool data_only;       // the lowest layer is
};
constexpr Way kWays[] = {{"redirect_dir=follow", false},
                         {"redirect_dir=nofollow", false},
                         {"metacopy=on,redirect_dir=follow", false},
                         {"userxattr", false},
                         {"redirect_dir=follow", true},
                         {"metacopy=on,redirect_dir=follow", true},
                         {"userxattr", true}};

class Check {
 public:
  Check(const Dirs& dirs, const Against& against, std::string log_path, Masks* masks)
      : dirs_(dirs), against_(against), log_path_(std::move(log_path)), masks_(masks) {}

  Maybe One(const Way& way) {
    test::MountPlan plan{dirs_.lowers, "", "", way.options, dirs_.mount, ""};
    plan.lowers.insert(plan.lowers.begin(), dirs_.upper);
    if (way.data_only) {
      plan.data.push_back(plan.lowers.back());
      plan.lowers.pop_back();
    }
    Snapshot ply, kernel;
    std::string error = See(plan, false, &ply);
    if (error.empty()) error = See(plan, true, &kernel);
    const std::string name = std::string(way.options) + (way.data_only ? ", data-only layer" : "");
    if (!error.empty()) return Difference{"layers", name + ": " + error};
    Maybe d = CompareWithKernel(ply, kernel, {"layers", "plyfs", "kernel"}, masks_);
    if (d) d->text = "layers mounted with " + name + ": " + d->text;
    return d;
  }

 private:
  std::string See(test::MountPlan plan, bool kernel, Snapshot* tree) {
    std::string error;
    if (kernel) plan.options += ",index=off,xino=off";
    plan.plyctl = against_.plyctl;
    // Only then is everything taken from the indices.
    if (!kernel && !plan.plyctl.empty()) plan.options += ",lower=frozen";
    auto mount =
        kernel ? test::LiveMount::Kernel(plan, &error)
               : test::LiveMount::Program(against_.program, plan, log_path_, &error, against_.environment);
    if (mount == nullptr) return (kernel ? "kernel: " : "plyfs: ") + error;
    *tree = TakeSnapshot(dirs_.mount);
    mount->Unmount(&error);
    return error;
  }

  const Dirs& dirs_;
  const Against& against_;
  const std::string log_path_;
  Masks* const masks_;
};

}  // namespace

Maybe CheckLayers(const Dirs& dirs, const Against& against, const std::string& log_path, Masks* masks) {
  Check check(dirs, against, log_path, masks);
  for (const Way& way : kWays) {
    if (auto d = check.One(way)) return d;
  }
  return std::nullopt;
}

}  // namespace plyfs::diff
