#include "engine/format/mount_options.h"

#include <sys/mount.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/format/option_table.h"

namespace plyfs {
namespace {

// One reading of the option words: each is applied to the draft in order, then Settle makes defaults and
// conflicts out of what was given.
class Reading {
 public:
  Reading(const OptionContext& context, bool strict, std::string* line) : context_(context), line_(line) {
    draft_.context = &context;
    draft_.strict = strict;
    if (fuse_overlayfs()) draft_.out.mount.flags.set |= MS_NOATIME;
    draft_.out.mount.allow_other = context.root;
  }

  Status Text(std::string_view text);
  Result<ParsedOptions> Settle();

 private:
  bool fuse_overlayfs() const { return context_.personality == Personality::kFuseOverlayfs; }
  Status Refuse(std::string_view option, std::string_view cause, std::string_view remedy);

  Status List(std::string_view name);
  Status Item(std::string_view item);
  Status Apply(const OptionRule& rule, std::string_view item, std::string_view value, bool has_value);
  Status Unknown(std::string_view item, std::string_view key, bool has_value);

  Status SettleLayers();
  Status SettleConflicts();
  Status SettleFeatures();
  void SettleFamily();
  void SettleRest();

  OptionDraft draft_;
  const OptionContext& context_;
  std::string* line_;
  std::vector<std::string> unknown_;
};

Status Reading::Refuse(std::string_view option, std::string_view cause, std::string_view remedy) {
  *line_ = Shown(option) + ": " + std::string(cause) + "; " + std::string(remedy);
  return Errno(EINVAL);
}

Status Reading::Text(std::string_view text) {
  draft_.verbatim = false;
  for (const std::string& item : SplitOptions(text)) {
    if (item.front() == '@') {
      PLY_CHECK(List(item));
    } else {
      PLY_CHECK(Item(item));
    }
  }
  return OkStatus();
}

Status Reading::List(std::string_view name) {
  Result<std::string> text = context_.read_list ? context_.read_list(name.substr(1)) : Errno(ENOSYS);
  if (!text.ok()) {
    (void)Refuse(std::string("-o ") + std::string(name),
                 std::string("cannot read the options: ") + std::strerror(text.error()),
                 "name a readable file of one option a line");
    return text.status();
  }
  draft_.verbatim = true;
  for (const std::string& item : SplitList(*text)) PLY_CHECK(Item(item));
  draft_.verbatim = false;
  return OkStatus();
}

Status Reading::Item(std::string_view item) {
  size_t equals = item.find('=');
  bool has_value = equals != std::string_view::npos;
  std::string_view key = item.substr(0, equals);
  std::string_view value = has_value ? item.substr(equals + 1) : std::string_view();
  // Before the table: "sync" alone is the flag of mount(8), "sync=0" of fuse-overlayfs.
  if (!has_value && draft_.out.mount.flags.Apply(key)) return OkStatus();
  if (key.starts_with("x-") || key.starts_with("X-")) return OkStatus();
  if (const OptionRule* rule = FindOption(key)) return Apply(*rule, item, value, has_value);
  return Unknown(item, key, has_value);
}

Status Reading::Apply(const OptionRule& rule, std::string_view item, std::string_view value, bool has_value) {
  if (rule.arg == OptionArg::kNone && has_value) return Refuse(item, "takes no value", rule.remedy);
  if (rule.arg == OptionArg::kValue && !has_value) return Refuse(item, "needs a value", rule.remedy);
  if (rule.arg == OptionArg::kSwitch) {
    bool on = !has_value || value == "1" || value == "on";
    if (!on && value != "0" && value != "off") return Refuse(item, "not a switch's value", rule.remedy);
    value = on ? "1" : "0";
  }
  draft_.cause.clear();
  draft_.remedy.clear();
  if (rule.apply == nullptr || rule.apply(draft_, value)) return OkStatus();
  return Refuse(item, draft_.cause.empty() ? "not understood" : draft_.cause,
                draft_.remedy.empty() ? rule.remedy : std::string_view(draft_.remedy));
}

Status Reading::Unknown(std::string_view item, std::string_view key, bool has_value) {
  const OptionRule* meant = has_value && !fuse_overlayfs() ? FindMistyped(key) : nullptr;
  if (meant != nullptr) {
    return Refuse(item, "no such option", "did you mean " + std::string(meant->key) + "=?");
  }
  unknown_.emplace_back(item);
  return OkStatus();
}

Status Reading::SettleLayers() {
  StackConfig& stack = draft_.out.stack;
  if (stack.lowerdirs.empty())
    return Refuse("lowerdir=", "no lower layer is named", "write lowerdir=TOP:...:BOTTOM");
  if (!stack.has_upper()) {
    stack.workdir.clear();  // accepted without an upper, and ignored
    draft_.out.workdir_text.clear();
  } else if (stack.workdir.empty()) {
    return Refuse("upperdir=" + stack.upperdir, "needs a work directory",
                  "add workdir=DIR, an empty directory on the same filesystem");
  }
  return OkStatus();
}

// M23.
Status Reading::SettleConflicts() {
  const auto& redirect = draft_.redirect_dir;
  bool upper = draft_.out.stack.has_upper();
  bool redirects_on = redirect == RedirectDir::kOn || (redirect == RedirectDir::kFollow && !upper);
  if (draft_.metacopy && redirect && !redirects_on) {
    return Refuse("metacopy=on", "does not go with this redirect_dir", "add redirect_dir=on");
  }
  if (draft_.nfs_export && draft_.index == false) {
    return Refuse("nfs_export=on", "does not go with index=off", "leave one of them out");
  }
  if (draft_.nfs_export && draft_.metacopy) {
    return Refuse("nfs_export=on", "does not go with metacopy=on", "leave one of them out");
  }
  if (!draft_.out.stack.userxattr) return OkStatus();
  if (redirect == RedirectDir::kOn || redirect == RedirectDir::kFollow) {
    return Refuse("userxattr", "does not go with redirect_dir=on or follow", "leave one of them out");
  }
  if (draft_.metacopy) return Refuse("userxattr", "does not go with metacopy=on", "leave one of them out");
  return OkStatus();
}

// What is not there yet is refused rather than left out silently; what has no meaning without an upper is
// dropped as the kernel drops it (M24).
Status Reading::SettleFeatures() {
  StackConfig& stack = draft_.out.stack;
  std::vector<std::string>& notes = draft_.out.notes;
  bool upper = stack.has_upper();
  if (draft_.verity != nullptr)
    return Refuse(draft_.verity, "not yet supported", "leave it out, or verity=off");
  if (draft_.nfs_export && (upper || draft_.redirect_dir == RedirectDir::kNoFollow)) {
    return Refuse("nfs_export=on", "not yet supported", "leave it out, or nfs_export=off");
  }
  if (draft_.index == true && upper)
    return Refuse("index=on", "not yet supported", "leave it out, or index=off");
  if (draft_.metacopy && upper) {
    return Refuse("metacopy=on", "not yet supported with an upperdir", "leave it out, or metacopy=off");
  }
  if (upper) return OkStatus();
  if (draft_.nfs_export) notes.emplace_back("nfs_export=on ignored without redirect_dir=nofollow");
  if (draft_.index == true) notes.emplace_back("index=on ignored without upperdir");
  if (stack.fsync == FsyncPolicy::kVolatile) {
    notes.emplace_back("volatile ignored without upperdir");
    stack.fsync = FsyncPolicy::kAuto;
  }
  if (stack.uuid == UuidMode::kOn) {
    notes.emplace_back("uuid=on ignored without upperdir");
    stack.uuid = UuidMode::kNull;
  }
  return OkStatus();
}

// Which xattrs hold the records, and what can be done with redirects and metacopies in them (M19, M20).
void Reading::SettleFamily() {
  StackConfig& stack = draft_.out.stack;
  RedirectDir redirect =
      draft_.redirect_dir.value_or(draft_.metacopy ? RedirectDir::kOn : RedirectDir::kFollow);
  // The module's default, which "off" means, is to follow.
  if (redirect == RedirectDir::kOff) redirect = RedirectDir::kFollow;
  stack.metacopy = draft_.metacopy;
  if (!stack.userxattr && !context_.trusted) {
    draft_.out.notes.emplace_back(
        "userxattr taken, for want of CAP_SYS_ADMIN in the initial user namespace: user.overlay.* is read "
        "and "
        "written, trusted.overlay.* is not");
    stack.userxattr = true;
  }
  if (stack.userxattr) {
    redirect = RedirectDir::kNoFollow;
    stack.metacopy = false;
  }
  stack.redirect_dir = redirect;
  stack.opaque_mkdir = redirect == RedirectDir::kOn || stack.metacopy || stack.xino != XinoMode::kOff;
}

void Reading::SettleRest() {
  ParsedOptions& out = draft_.out;
  out.stack.read_only = (out.mount.flags.set & MS_RDONLY) != 0;
  if (!out.stack.writable()) out.mount.flags.set |= MS_RDONLY;
  if (out.mount.allow_root) out.mount.allow_other = false;
  if (draft_.threaded == false && out.serve.threads == 0) out.serve.threads = 1;
  if (out.serve.sandbox) out.stack.use_io_uring = false;  // no filter sees its calls
  if (draft_.squash_to_root) {
    if (out.serve.squash_uid < 0) out.serve.squash_uid = 0;
    if (out.serve.squash_gid < 0) out.serve.squash_gid = 0;
  }
  if (out.serve.transport == TransportChoice::kUring) {
    out.notes.emplace_back("transport=uring is not there yet: requests are read from /dev/fuse");
  }
}

Result<ParsedOptions> Reading::Settle() {
  for (const std::string& item : unknown_) {
    if (draft_.strict) {
      PLY_CHECK(Refuse(item, "no such option (strict)", "leave it out, or see plyfs --help"));
    }
    draft_.out.warnings.push_back("unknown argument ignored: " + Shown(item));
  }
  if (draft_.out.remount) return std::move(draft_.out);
  PLY_CHECK(SettleLayers());
  PLY_CHECK(SettleConflicts());
  PLY_CHECK(SettleFeatures());
  SettleFamily();
  SettleRest();
  return std::move(draft_.out);
}

}  // namespace

Result<ParsedOptions> ParseMountOptions(const std::vector<std::string>& texts, bool strict,
                                        const OptionContext& context, std::string* error_line) {
  Reading reading(context, strict, error_line);
  for (const std::string& text : texts) PLY_CHECK(reading.Text(text));
  return reading.Settle();
}

std::vector<std::string> KnownOptions() {
  return OptionNames();
}

}  // namespace plyfs
