// MergeFold, which reads the records opaque, redirect and metacopy: one lookup through layers chosen by the
// input, as engine/layer/probe.cc makes it.
// Flags A: redirects are followed, B: metacopy=on, C: data-only layers, D: an upper.  The name, up to a NUL;
// then for each thing found a byte: what is found (the low 3 bits), its records (the next 3), its opaque
// (the top 2); after one with a redirect its value, up to a NUL.
//
// unit: engine/format/merge_rule.cc engine/format/opaque.h
#include <algorithm>
#include <cerrno>

#include "engine/format/merge_rule.h"
#include "fuzz/input.h"

namespace plyfs::fuzz {
namespace {

constexpr LayerId kLayers = 6;

Finding FindingOf(Input& in) {
  constexpr Found kFound[] = {Found::kDirectory, Found::kRegular, Found::kEmptyRegular, Found::kAbsent,
                              Found::kWhiteout,  Found::kSpecial, Found::kDirectory,    Found::kRegular};
  const uint8_t what = in.Byte();
  Finding finding;
  finding.found = kFound[what & 7];
  finding.whiteout_record = (what & 8) != 0;
  finding.metacopy_record = (what & 16) != 0;
  constexpr std::string_view kOpaque[] = {"", "y", "x", "yes"};
  finding.opaque = ParseOpaque(kOpaque[what >> 6]);
  if ((what & 32) != 0) finding.redirect = std::string(in.Until('\0'));
  return finding;
}

// What of a finding the fold has asked for: the rest is as if it had not been read.
Finding AsWanted(Finding finding, const WantedRecords& wanted) {
  finding.whiteout_record &= wanted.whiteout;
  finding.metacopy_record &= wanted.metacopy;
  if (!wanted.opaque) finding.opaque = Opaque::kNo;
  if (!wanted.redirect || (wanted.metacopy && !finding.metacopy_record)) finding.redirect.reset();
  return finding;
}

class Lookup {
 public:
  Lookup(const MergeRules& rules, bool upper, std::string_view name, Input& in)
      : rules_(rules), name_(name), fold_(rules, name), upper_(upper), in_(in) {}

  void Run() {
    for (LayerId layer = upper_ ? kUpper : 0; layer < kLayers && !fold_.done(); ++layer) {
      const Status begun = fold_.BeginLayer(layer, layer == kLayers - 1);
      if (!begun.ok()) return Require(begun.error() == EPERM || begun.error() == EACCES);
      if (!rules_.follow_redirects && layer != kUpper) Require(fold_.path() == name_);
      if (!Layer()) return;
    }
    Finish();
  }

 private:
  // False: the lookup has failed.
  bool Layer() {
    // Each step down takes one component of what this layer's walk began with.
    auto steps = fold_.absolute() ? std::ranges::count(fold_.path(), '/') : 1;
    for (;; --steps) {
      Require(steps > 0);
      CheckComponent();
      Finding finding = FindingOf(in_);
      const WantedRecords wanted = fold_.Wanted(finding.found);
      finding = AsWanted(std::move(finding), wanted);
      const Result<FoldStep> step = fold_.Add(finding);
      if (!step.ok()) {
        Require(step.error() == EINVAL || step.error() == EACCES);
        return false;
      }
      Note(*step, finding);
      if (!step->descend) return true;
    }
  }

  // It goes to the layer's filesystem as one name.
  void CheckComponent() const {
    const std::string_view name = fold_.component();
    Require(!name.empty() && name != "." && name != "..");
    Require(name.find('/') == name.npos && name.find('\0') == name.npos);
    if (!fold_.absolute()) Require(name == fold_.path());
  }

  void Note(const FoldStep& step, const Finding& finding) {
    const bool is_dir = finding.found == Found::kDirectory;
    Require(step.descend == (step.role == Role::kComponent));
    if (step.role != Role::kNone) Require(finding.found != Found::kAbsent && !finding.is_whiteout());
    if (finding.is_whiteout()) Require(fold_.done() && fold_.opaque());
    switch (step.role) {
      case Role::kTop:
        Require(!top_);
        top_ = true;
        is_dir_ = is_dir;
        metacopy_ = finding.metacopy_record;
        break;
      case Role::kMember:
        Require(top_ && is_dir_ && is_dir);
        break;
      case Role::kData:
      case Role::kMetadata:
        Require(top_ && metacopy_ && !is_dir && rules_.metacopy && !data_);
        data_ = step.role == Role::kData;
        break;
      case Role::kComponent:
        Require(is_dir && fold_.absolute());
        break;
      case Role::kNone:
        break;
    }
    // A file without metacopy hides whatever is below.
    if (step.role == Role::kData || (step.role == Role::kTop && !is_dir && !metacopy_)) Require(fold_.done());
    if (fold_.wants_data()) Require(metacopy_ && !data_);
  }

  void Finish() {
    const Result<Merged> merged = fold_.Finish();
    if (!merged.ok()) return Require(merged.error() == EPERM || (merged.error() == EIO && metacopy_));
    Require((merged->type == MergedType::kAbsent) == !top_);
    Require((merged->type == MergedType::kDirectory) == (top_ && is_dir_));
    if (merged->data_path) {
      Require(rules_.data_layers && metacopy_ && !data_ && merged->data_path->starts_with('/'));
    } else if (merged->type == MergedType::kFile) {
      Require(!metacopy_ || data_);  // never a file without its data (L17)
    }
  }

  const MergeRules rules_;
  const std::string_view name_;
  MergeFold fold_;
  const bool upper_;
  Input& in_;
  bool top_ = false, is_dir_ = false, metacopy_ = false, data_ = false;
};

}  // namespace
}  // namespace plyfs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plyfs;
  fuzz::Input in(data, size);
  in.Flags();
  MergeRules rules;
  rules.follow_redirects = in.Bit(0);
  rules.metacopy = in.Bit(1);
  rules.data_layers = in.Bit(2);
  rules.lowest = fuzz::kLayers - 1;
  const std::string_view name = in.Until('\0');
  // The client's names are legal.
  if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos) return 0;
  fuzz::Lookup(rules, in.Bit(3), name, in).Run();
  const uint32_t mode = in.Number16();
  const Found found = FoundOf(mode, in.Byte(), in.Byte(), in.Byte());
  fuzz::Require(found != Found::kAbsent);
  return 0;
}
