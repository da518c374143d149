#include "engine/format/merge_rule.h"

#include <sys/stat.h>

#include <utility>

#include "engine/format/file_type.h"
#include "engine/format/redirect.h"

namespace plyfs {

Found FoundOf(uint32_t mode, uint32_t rdev_major, uint32_t rdev_minor, uint64_t size) {
  if (IsWhiteoutDevice(mode, rdev_major, rdev_minor)) return Found::kWhiteout;
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return Found::kDirectory;
    case S_IFREG:
      return size == 0 ? Found::kEmptyRegular : Found::kRegular;
    default:
      return Found::kSpecial;
  }
}

namespace {

bool IsRegular(Found found) {
  return found == Found::kRegular || found == Found::kEmptyRegular;
}

}  // namespace

// A record found above is refused only when something is about to be looked up by it: a metacopy file of the
// lowest layer may still end in the data-only layers without metacopy=on or redirects (L20).
Status MergeFold::CheckMayFollow() const {
  if (metacopy_ && !rules_.metacopy) return Errno(EPERM);
  if (redirected_ && !rules_.follow_redirects) return Errno(EPERM);
  return OkStatus();
}

Status MergeFold::BeginLayer(LayerId layer, bool last_of_stack) {
  if (layer != kUpper) PLY_CHECK(CheckMayFollow());
  layer_ = layer;
  if (!rules_.follow_redirects && !rules_.data_layers) {
    last_ = last_of_stack;
  } else {
    // An absolute redirect may lead into any layer below, whatever the parent's stack; a file's into the
    // data-only layers even from the lowest.
    last_ = layer != kUpper && layer == rules_.lowest && (is_dir_ || !rules_.data_layers);
  }
  rest_ = path().size() - (absolute() ? 1 : 0);
  return CheckComponent();
}

// A redirect's value may name "." and "..", and it is looking them up that fails (L13): not if the walk ends
// before.  Nor may the empty name be looked up, to which a value beginning with NUL amounts.
Status MergeFold::CheckComponent() const {
  const std::string_view name = component();
  if (name.empty() || name == "." || name == "..") return Errno(EACCES);
  return OkStatus();
}

std::string_view MergeFold::component() const {
  const std::string_view rest = path().substr(path().size() - rest_);
  return absolute() ? rest.substr(0, rest.find('/')) : rest;
}

WantedRecords MergeFold::Wanted(Found found) const {
  WantedRecords wanted;
  const bool last_component = IsLastComponent();
  wanted.whiteout = found == Found::kEmptyRegular;
  if (found == Found::kDirectory) {
    wanted.opaque = wanted.redirect = !last_ && !(metacopy_ && last_component);
  } else if (IsRegular(found) && last_component && !is_dir_) {
    wanted.metacopy = true;
    wanted.redirect = !last_;
  }
  return wanted;
}

Result<FoldStep> MergeFold::Add(const Finding& finding) {
  if (finding.found == Found::kAbsent) return FoldStep{};
  if (finding.is_whiteout()) {
    done_ = opaque_ = true;
    return FoldStep{};
  }
  const bool last_component = IsLastComponent();
  const bool is_dir = finding.found == Found::kDirectory;
  // A metacopy file's data can only be a regular file (L17); a directory merges only with directories (L7);
  // and only they lead further.
  if ((last_component && metacopy_ && !IsRegular(finding.found)) ||
      (!is_dir && (is_dir_ || !last_component))) {
    done_ = true;
    return FoldStep{};
  }
  PLY_TRY(const FoldStep step, is_dir ? AddDirectory(finding) : AddFile(finding));
  if (step.descend) {
    PLY_CHECK(CheckComponent());
  } else {
    // The walk in this layer is over; a redirect may have made the path shorter than what was left of it.
    rest_ = 0;
  }
  return step;
}

Result<FoldStep> MergeFold::AddFile(const Finding& finding) {
  FoldStep step;
  step.role = !found_ ? Role::kTop : finding.metacopy_record ? Role::kMetadata : Role::kData;
  metacopy_ = IsRegular(finding.found) && finding.metacopy_record;
  // This also takes back a stop that an opaque directory on the way asked for, as the kernel does.
  done_ = !metacopy_;
  to_data_layers_ = false;
  if (metacopy_ && !last_) PLY_CHECK(FollowRedirect(finding));
  found_ = true;
  found_in_lower_ |= layer_ != kUpper;
  return step;
}

Result<FoldStep> MergeFold::AddDirectory(const Finding& finding) {
  FoldStep step;
  const bool last_component = IsLastComponent();
  const size_t component_size = component().size();
  if (last_component) {
    step.role = found_ ? Role::kMember : Role::kTop;
    found_ = is_dir_ = true;
    found_in_lower_ |= layer_ != kUpper;
  } else {
    step.role = Role::kComponent;
    step.descend = true;
  }
  if (!last_ && finding.opaque == Opaque::kYes) {
    done_ = true;
    opaque_ |= last_component;
  } else if (!last_) {
    PLY_CHECK(FollowRedirect(finding));
  }
  if (step.descend) rest_ -= component_size + 1;
  return step;
}

Status MergeFold::FollowRedirect(const Finding& finding) {
  // Directories on the way take the flag back too: so does the kernel.
  to_data_layers_ = false;
  if (!finding.redirect) return OkStatus();
  PLY_TRY(const Redirect redirect, ParseRedirect(*finding.redirect));
  const std::string_view now = path();
  const size_t start = now.size() - rest_;
  std::string next;
  if (!redirect.absolute) next = now.substr(0, start);
  next += redirect.path;
  next += now.substr(start + component().size());
  // An absolute one leads out of an opaque directory that the path came through.
  if (redirect.absolute) done_ = false;
  to_data_layers_ = redirect.absolute;
  redirected_ = std::move(next);
  return OkStatus();
}

Result<Merged> MergeFold::Finish() const {
  Merged merged;
  if (!found_) return merged;
  merged.type = is_dir_ ? MergedType::kDirectory : MergedType::kFile;
  if (metacopy_ && found_in_lower_ && rules_.data_layers && to_data_layers_) {
    merged.data_path = redirected_;
    return merged;
  }
  PLY_CHECK(CheckMayFollow());
  if (metacopy_) return Errno(EIO);
  return merged;
}

}  // namespace plyfs
