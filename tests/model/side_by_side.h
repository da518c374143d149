// SideBySide: one case on the model and on a real mount, to the first answer that is not the model's.
//
// Owned by a test or by plyfuzz; one thread, root.  All that is seen is seen by steps: at the end come steps
// that look at the open files and at the whole tree, and after a remount once more, so that whatever differs
// can be taken again by anyone who can take steps.  Then what lies in upper is compared.
#ifndef PLYFS_TESTS_MODEL_SIDE_BY_SIDE_H_
#define PLYFS_TESTS_MODEL_SIDE_BY_SIDE_H_

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/testing/overlay_case.h"
#include "engine/testing/scratch_stack.h"
#include "tests/model/mount_client.h"

namespace plyfs::model {

// Who is compared with the model.
struct Subject {
  std::string program;   // empty: kernel overlayfs
  bool foreign = false;  // somebody else's program: it gets no options but `options`
  std::string options = {};
  bool compare_upper = true;
  std::string log_path = {};
  // Does what the model says where that is not what the kernel does.
  bool IsPlyfs() const { return !program.empty() && !foreign; }
};

// A step that was taken, and what the model answered.
struct Taken {
  Step step;
  std::string expected;
  bool look = false;  // at the end: it changes nothing
};

struct Wrong {
  std::string kind;  // without names and numbers
  std::string text;
  // In upper: where, what the model has there, and whether upper had it before the first mount.
  Path upper_path = {};
  std::string upper_expected = {};
  bool upper_given = false;
};

// Any case, by its seed: up to 33 objects of layers and `steps` steps; 0: up to 45.
std::string RandomCase(unsigned seed, size_t steps = 0);
// The case as the subject is asked: where it is the kernel, what of it must be otherwise (D9, D14).
Case CaseFor(const std::string& bytes, const Subject& subject);
// What the subject is mounted with beside its layers.
std::string OptionsFor(const Options& options, const Subject& subject);

class SideBySide {
 public:
  // `ignored`: kinds that are known and not reported.
  SideBySide(ScratchStack* stack, Subject subject, std::set<std::string> ignored = {})
      : stack_(stack), subject_(std::move(subject)), ignored_(std::move(ignored)) {}

  std::optional<Wrong> Go(Case c);
  // What was asked and compared, the answer that was wrong last.
  const std::vector<Taken>& taken() const { return taken_; }
  // The kernel refused what the model allows (L14): nothing was found out.
  bool given_up() const { return given_up_; }

 private:
  using Maybe = std::optional<Wrong>;
  bool IsMasked(Model& model, const Step& step) const;
  Maybe Take(Model& model, MountClient& mount, const Step& step, const char* when, bool look);
  Maybe TakeAll(Model& model, MountClient& mount, const std::vector<Step>& steps);
  Maybe Look(Model& model, MountClient& mount, const std::vector<Step>& looks, const char* when);
  Maybe Remount(Model& model, MountClient& mount);
  Maybe CompareUppers(const Model& model) const;
  Maybe GoMounted(const Case& c, Model& model, MountClient& mount);

  ScratchStack* const stack_;
  const Subject subject_;
  const std::set<std::string> ignored_;
  std::vector<Taken> taken_;
  bool given_up_ = false;
};

}  // namespace plyfs::model

#endif  // PLYFS_TESTS_MODEL_SIDE_BY_SIDE_H_
