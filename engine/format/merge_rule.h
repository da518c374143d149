// MergeFold: the one rule that decides what a name of the merged tree is, from what each layer holds at it
// (semantics L1-L13, L16-L18, L20).
//
// A pure fold, fed by whoever probes the layers, from the top to the bottom.  It says where to look in each
// layer, which records are worth reading, what joins, and when to stop:
//
//   MergeFold fold(rules, name);
//   for (layer of the stack; !fold.done(); next layer below) {
//     PLY_CHECK(fold.BeginLayer(layer, is_last_of_stack));
//     dir = fold.absolute() ? root of the layer : the parent's directory in the layer;
//     for (;;) {
//       Finding f = probe(dir, fold.component(), reading what fold.Wanted(found) asks for);
//       PLY_TRY(FoldStep step, fold.Add(f));
//       if (step.role != Role::kNone) ...keep or use the object...
//       if (!step.descend) break;
//       dir = the directory just found;
//     }
//   }
//   PLY_TRY(Merged merged, fold.Finish());
//
// The stack to iterate is that of the parent directory; from the moment absolute() becomes true it is the
// root's stack, that is every layer, going on below the layer where that happened (L9, L10).  Errors other
// than "not here" (ENOENT, ENAMETOOLONG: Found::kAbsent) are the caller's and fail the whole lookup (L2).
//
// The fold follows fs/overlayfs/namei.c: ovl_lookup_layers, ovl_lookup_layer, ovl_lookup_single,
// ovl_check_redirect.  Not for sharing between threads; `name` must outlive it.
#ifndef PLYFS_ENGINE_FORMAT_MERGE_RULE_H_
#define PLYFS_ENGINE_FORMAT_MERGE_RULE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "engine/format/opaque.h"

namespace plyfs {

// What of a mount's configuration the rule depends on.
struct MergeRules {
  bool follow_redirects = true;  // false: redirect_dir=nofollow (L12)
  bool metacopy = false;
  bool data_layers = false;  // there are data-only layers (L20)
  LayerId lowest = 0;        // the lowest layer that is not data-only; kUpper if there is none
};

// What stat alone tells of the object that a layer holds at a name.
enum class Found : uint8_t {
  kAbsent,
  kWhiteout,      // character device 0/0
  kEmptyRegular,  // a regular file of size 0: a whiteout if overlay.whiteout is there (X5)
  kRegular,
  kSpecial,  // symlink, device, fifo, socket
  kDirectory,
};

Found FoundOf(uint32_t mode, uint32_t rdev_major, uint32_t rdev_minor, uint64_t size);

// Which records of an object can change the decision.
struct WantedRecords {
  bool whiteout = false;
  bool metacopy = false;  // if there, and only then, a file's redirect is wanted too
  bool opaque = false;
  bool redirect = false;
  friend bool operator==(const WantedRecords&, const WantedRecords&) = default;
};

// What one layer holds.  Records that were not wanted may be left at their defaults.
struct Finding {
  Found found = Found::kAbsent;
  bool whiteout_record = false;
  bool metacopy_record = false;  // with any value (L18)
  Opaque opaque = Opaque::kNo;
  std::optional<std::string> redirect{};  // the value as stored

  bool is_whiteout() const {
    return found == Found::kWhiteout || (found == Found::kEmptyRegular && whiteout_record);
  }
};

// What an object is to the merge.
enum class Role : uint8_t {
  kNone,       // nothing, or hides what is below
  kComponent,  // a directory on the way of an absolute path
  kTop,        // the object seen; of a directory, the first member
  kMember,     // a further directory of the merge
  kMetadata,   // a further metacopy file below the top; neither its metadata nor its data is used
  kData,       // the file that holds the data of the metacopy file on top (L16)
};

struct FoldStep {
  Role role = Role::kNone;
  bool descend = false;  // the same layer is to be asked for the next component(), inside this directory
};

enum class MergedType : uint8_t { kAbsent, kFile, kDirectory };

struct Merged {
  MergedType type = MergedType::kAbsent;
  // Set for a metacopy file whose data lies in the data-only layers, at this absolute path, to be looked for
  // when it is first needed (L20).
  std::optional<std::string> data_path{};
};

class MergeFold {
 public:
  MergeFold(const MergeRules& rules, std::string_view name) : rules_(rules), name_(name) {}

  // `last_of_stack`: no layer of the stack being iterated lies below this one.  EPERM: what lies above must
  // not be followed (L12, L17); EACCES: the path names "." or ".." (L13).
  Status BeginLayer(LayerId layer, bool last_of_stack);

  // Where to look in this layer: one name, in the parent's directory, or, if absolute(), from the layer's
  // root by one component after the other.
  std::string_view component() const;
  bool absolute() const { return redirected_ && redirected_->starts_with('/'); }
  // The whole of it: "n", or "/a/b".
  std::string_view path() const { return redirected_ ? std::string_view(*redirected_) : name_; }

  WantedRecords Wanted(Found found) const;
  // REQUIRES: BeginLayer, or a step that said descend.  EINVAL: the redirect's value (L13); EACCES: as
  // BeginLayer.
  Result<FoldStep> Add(const Finding& finding);

  // No layer below can change anything.
  bool done() const { return done_; }
  // What is on top is a metacopy file, and its data lies further down.
  bool wants_data() const { return metacopy_ && !done_; }
  // A whiteout was met, or a directory that is opaque itself.
  bool opaque() const { return opaque_; }

  // After done() or the last layer.  EPERM as BeginLayer; EIO: a metacopy file without data (L17).
  Result<Merged> Finish() const;

 private:
  bool IsLastComponent() const { return component().size() == rest_; }
  Status CheckMayFollow() const;
  Status CheckComponent() const;
  Result<FoldStep> AddFile(const Finding& finding);
  Result<FoldStep> AddDirectory(const Finding& finding);
  Status FollowRedirect(const Finding& finding);

  const MergeRules rules_;
  const std::string_view name_;
  std::optional<std::string> redirected_;  // the path after redirects, if there were any
  // Bytes of path() from the current component's first to the end: counted from the end because a redirect on
  // the way exchanges the beginning for the layers below while this layer's walk goes on.
  size_t rest_ = 0;

  LayerId layer_ = kUpper;
  bool last_ = false;   // redirect and opaque of this layer cannot matter (L8)
  bool found_ = false;  // something is on top
  bool found_in_lower_ = false;
  bool is_dir_ = false;
  bool metacopy_ = false;        // still looking for data
  bool to_data_layers_ = false;  // the redirect last asked for is there and absolute
  bool done_ = false;
  bool opaque_ = false;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_MERGE_RULE_H_
