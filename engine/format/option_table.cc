#include "engine/format/option_table.h"

#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "engine/format/layer_options.h"
#include "engine/format/option_text.h"

namespace plyfs {
namespace {

using enum OptionArg;

// The one of `choices` that is called `value`.
template <typename T, size_t N>
bool Choose(std::string_view value, const std::pair<std::string_view, T> (&choices)[N], T* out) {
  for (const auto& [word, choice] : choices) {
    if (word != value) continue;
    *out = choice;
    return true;
  }
  return false;
}

bool OnOff(std::string_view value, bool* out) {
  return Choose<bool>(value, {{"on", true}, {"off", false}}, out);
}

bool SetRedirectDir(OptionDraft& d, std::string_view value) {
  RedirectDir mode = RedirectDir::kOff;
  if (!Choose<RedirectDir>(value,
                           {{"on", RedirectDir::kOn},
                            {"off", RedirectDir::kOff},
                            {"follow", RedirectDir::kFollow},
                            {"nofollow", RedirectDir::kNoFollow}},
                           &mode)) {
    return false;
  }
  d.redirect_dir = mode;
  return true;
}

bool SetIndex(OptionDraft& d, std::string_view value) {
  bool on = false;
  if (!OnOff(value, &on)) return false;
  d.index = on;
  return true;
}

bool SetVerity(OptionDraft& d, std::string_view value) {
  return Choose<const char*>(value, {{"on", "verity=on"}, {"off", nullptr}, {"require", "verity=require"}},
                             &d.verity);
}

bool SetUuid(OptionDraft& d, std::string_view value) {
  return Choose<UuidMode>(
      value,
      {{"auto", UuidMode::kAuto}, {"on", UuidMode::kOn}, {"null", UuidMode::kNull}, {"off", UuidMode::kOff}},
      &d.out.stack.uuid);
}

bool SetXino(OptionDraft& d, std::string_view value) {
  return Choose<XinoMode>(value, {{"off", XinoMode::kOff}, {"auto", XinoMode::kAuto}, {"on", XinoMode::kOn}},
                          &d.out.stack.xino);
}

// 0 and 1 are fuse-overlayfs' words.
bool SetFsync(OptionDraft& d, std::string_view value) {
  d.out.stack.no_fsync_requests = value == "0";
  return Choose<FsyncPolicy>(value,
                             {{"auto", FsyncPolicy::kAuto},
                              {"strict", FsyncPolicy::kStrict},
                              {"volatile", FsyncPolicy::kVolatile},
                              {"0", FsyncPolicy::kAuto},
                              {"1", FsyncPolicy::kAuto}},
                             &d.out.stack.fsync);
}

bool SetIdMap(OptionDraft& d, std::string_view value, std::vector<IdMapRange>* out) {
  std::string why;
  std::optional<std::vector<IdMapRange>> ranges = ParseIdMap(value, &why);
  if (!ranges) return d.Fail(why);
  *out = std::move(*ranges);
  return true;
}

bool SetSquash(std::string_view value, int64_t* out) {
  // 2^32-1 is no id (chown takes it for "unchanged").
  std::optional<uint64_t> id = ParseNumber(value, std::numeric_limits<uint32_t>::max() - 1);
  if (!id) return false;
  *out = static_cast<int64_t>(*id);
  return true;
}

template <typename T>
bool SetNumber(std::string_view value, uint64_t min, uint64_t max, T* out) {
  std::optional<uint64_t> number = ParseNumber(value, max);
  if (!number || *number < min) return false;
  *out = static_cast<T>(*number);
  return true;
}

bool SetTimeout(OptionDraft& d, std::string_view value) {
  std::optional<double> seconds = ParseSeconds(value);
  if (!seconds) return d.Fail("not a number of seconds");
  d.out.serve.timeout_s = *seconds;
  return true;
}

bool SetMemory(OptionDraft& d, std::string_view value) {
  std::optional<uint64_t> bytes = ParseSize(value);
  if (!bytes || *bytes == 0) return d.Fail("not a size");
  d.out.stack.memory_bytes = *bytes;
  return true;
}

bool SetMergeIndex(OptionDraft& d, std::string_view value) {
  return Choose<MergeIndex>(value,
                            {{"auto", MergeIndex::kAuto}, {"on", MergeIndex::kOn}, {"off", MergeIndex::kOff}},
                            &d.out.stack.merge_index);
}

bool SetTransport(OptionDraft& d, std::string_view value) {
  return Choose<TransportChoice>(value,
                                 {{"auto", TransportChoice::kAuto},
                                  {"read", TransportChoice::kRead},
                                  {"uring", TransportChoice::kUring}},
                                 &d.out.serve.transport);
}

bool SetWhiteoutNames(OptionDraft& d, std::string_view value) {
  return Choose<OtherWhiteouts>(
      value, {{"auto", OtherWhiteouts::kAuto}, {"on", OtherWhiteouts::kOn}, {"off", OtherWhiteouts::kOff}},
      &d.out.stack.other_whiteouts);
}

bool SetXattrPermissions(OptionDraft& d, std::string_view value) {
  if (value == "1" || value == "2") {
    return d.Fail("owners and modes kept in an xattr are not yet supported",
                  "leave it out, or xattr_permissions=0");
  }
  return value == "0";
}

bool SetLower(OptionDraft& d, std::string_view value) {
  return Choose<LowerMode>(value, {{"watch", LowerMode::kWatch}, {"frozen", LowerMode::kFrozen}},
                           &d.out.stack.lower);
}

bool SetText(std::string_view value, std::string* out) {
  *out = Unescape(value);
  return !out->empty() && out->find('\0') == std::string::npos;
}

bool IsOn(std::string_view value) {
  return value == "1";
}

#define DO(statement) [](OptionDraft& d, std::string_view v) -> bool { return statement; }
#define NOTE(statement) [](OptionDraft& d, std::string_view v) -> bool { return (statement), true; }

constexpr OptionRule kRules[] = {
    // Layers.
    {"lowerdir", kValue, "write lowerdir=TOP:...:BOTTOM[::DATA]", SetLowers},
    {"lowerdir+", kValue, "write lowerdir+=DIR", AddLower},
    {"datadir+", kValue, "write datadir+=DIR", AddData},
    {"upperdir", kValue, "write upperdir=DIR", SetUpper},
    {"workdir", kValue, "write workdir=DIR", SetWork},
    {"plugins", kValue, "write plugins=", nullptr},
    // What kernel overlayfs takes.
    {"redirect_dir", kValue, "write on, follow, nofollow or off", SetRedirectDir},
    {"index", kValue, "write on or off", SetIndex},
    {"metacopy", kValue, "write on or off", DO(OnOff(v, &d.metacopy))},
    {"nfs_export", kValue, "write on or off", DO(OnOff(v, &d.nfs_export))},
    {"verity", kValue, "write on, off or require", SetVerity},
    {"uuid", kValue, "write auto, on, null or off", SetUuid},
    {"xino", kValue, "write on, off or auto", SetXino},
    {"fsync", kValue, "write auto, strict, volatile, 0 or 1", SetFsync},
    {"sync", kValue, "write 0 or 1", DO((v == "0" || v == "1") && SetFsync(d, v))},
    {"volatile", kNone, "write volatile", DO(SetFsync(d, "volatile"))},
    {"userxattr", kNone, "write userxattr", NOTE(d.out.stack.userxattr = true)},
    {"override_creds", kNone, "leave the value out", nullptr},
    {"nooverride_creds", kNone, "leave the value out", nullptr},
    // Owners.
    {"uidmapping", kValue, "write DISK:SEEN:LENGTH[:...]", DO(SetIdMap(d, v, &d.out.serve.uid_map))},
    {"gidmapping", kValue, "write DISK:SEEN:LENGTH[:...]", DO(SetIdMap(d, v, &d.out.serve.gid_map))},
    {"squash_to_root", kNone, "leave the value out", NOTE(d.squash_to_root = true)},
    {"squash_to_uid", kValue, "write a user id", DO(SetSquash(v, &d.out.serve.squash_uid))},
    {"squash_to_gid", kValue, "write a group id", DO(SetSquash(v, &d.out.serve.squash_gid))},
    {"xattr_permissions", kValue, "write 0", SetXattrPermissions},
    // What is shown, and how.
    {"static_nlink", kNone, "leave the value out", NOTE(d.out.stack.static_nlink = true)},
    {"noacl", kNone, "leave the value out", NOTE(d.out.serve.posix_acl = false)},
    {"noxattrs", kSwitch, "write 0 or 1", NOTE(d.out.stack.noxattrs = IsOn(v))},
    {"ino32_t", kSwitch, "write 0 or 1", nullptr},
    {"wh", kValue, "write auto, on or off", SetWhiteoutNames},
    {"lower", kValue, "write watch or frozen", SetLower},
    {"timeout", kValue, "write seconds, as in timeout=1.5", SetTimeout},
    // How it is served.
    {"threads", kValue, "write a number from 1 to 1024", DO(SetNumber(v, 1, 1024, &d.out.serve.threads))},
    {"threaded", kSwitch, "write 0 or 1", NOTE(d.threaded = IsOn(v))},
    {"merge_index", kValue, "write auto, on or off", SetMergeIndex},
    {"index_dir", kValue, "write index_dir=DIR", DO(SetText(v, &d.out.stack.index_dir))},
    {"memory", kValue, "write bytes, or as in memory=512M", SetMemory},
    {"transport", kValue, "write auto, read or uring", SetTransport},
    {"io_uring", kValue, "write on or off", DO(OnOff(v, &d.out.stack.use_io_uring))},
    {"sandbox", kValue, "write on or off", DO(OnOff(v, &d.out.serve.sandbox))},
    {"max_write", kValue, "write bytes, 4096 to 1048576",
     DO(SetNumber(v, 4096, 1u << 20, &d.out.serve.max_write))},
    {"max_read", kValue, "write bytes, 4096 to 1048576",
     DO(SetNumber(v, 4096, 1u << 20, &d.out.mount.max_read))},
    {"debug", kNone, "leave the value out", NOTE(d.out.serve.debug = true)},
    {"strict", kNone, "leave the value out", NOTE(d.strict = true)},
    // How it is mounted.
    {"allow_other", kNone, "leave the value out", NOTE(d.out.mount.allow_other = true)},
    {"allow_root", kNone, "leave the value out", NOTE(d.out.mount.allow_root = true)},
    {"auto_unmount", kNone, "leave the value out", NOTE(d.out.mount.auto_unmount = true)},
    {"default_permissions", kNone, "leave the value out", nullptr},
    {"fsname", kValue, "write fsname=NAME", DO(SetText(v, &d.out.mount.fsname))},
    {"subtype", kValue, "write subtype=NAME", DO(SetText(v, &d.out.mount.subtype))},
    {"context", kValue, "write context=LABEL", DO(SetText(v, &d.out.mount.selinux_context))},
    {"label", kValue, "write label=LABEL", DO(SetText(v, &d.out.mount.selinux_context))},
    {"fscontext", kValue, "write fscontext=LABEL", nullptr},
    {"defcontext", kValue, "write defcontext=LABEL", nullptr},
    {"rootcontext", kValue, "write rootcontext=LABEL", nullptr},
    {"remount", kNone, "leave the value out", NOTE(d.out.remount = true)},
    // Without effect here: of fuse-overlayfs (a write that returned survives the daemon, numbers are stable),
    {"writeback", kSwitch, "write 0 or 1", nullptr},
    {"fast_ino", kSwitch, "write 0 or 1", nullptr},
    {"fast_ino_check", kSwitch, "write 0 or 1", nullptr},
    {"splice_read", kAny, "", nullptr},
    {"splice_write", kAny, "", nullptr},
    {"splice_move", kAny, "", nullptr},
    {"no_splice_read", kAny, "", nullptr},
    {"no_splice_write", kAny, "", nullptr},
    {"no_splice_move", kAny, "", nullptr},
    {"kernel_cache", kAny, "", nullptr},
    // of mount(8), fstab and the options that /proc/mounts shows of a live mount.
    {"defaults", kAny, "", nullptr},
    {"auto", kAny, "", nullptr},
    {"noauto", kAny, "", nullptr},
    {"nofail", kAny, "", nullptr},
    {"user", kAny, "", nullptr},
    {"nouser", kAny, "", nullptr},
    {"users", kAny, "", nullptr},
    {"owner", kAny, "", nullptr},
    {"group", kAny, "", nullptr},
    {"_netdev", kAny, "", nullptr},
    {"comment", kAny, "", nullptr},
    {"user_id", kAny, "", nullptr},
    {"group_id", kAny, "", nullptr},
    {"fd", kAny, "", nullptr},
    {"rootmode", kAny, "", nullptr},
    {"blksize", kAny, "", nullptr},
};

#undef DO
#undef NOTE

}  // namespace

bool OptionDraft::Fail(std::string why, std::string better) {
  cause = std::move(why);
  remedy = std::move(better);
  return false;
}

const OptionRule* FindOption(std::string_view key) {
  // Hashed: a list file may hold 100,000 items.
  static const auto* const kByKey = [] {
    auto* by_key = new absl::flat_hash_map<std::string_view, const OptionRule*>;
    for (const OptionRule& rule : kRules) by_key->emplace(rule.key, &rule);
    return by_key;
  }();
  auto found = kByKey->find(key);
  return found == kByKey->end() ? nullptr : found->second;
}

const OptionRule* FindMistyped(std::string_view key) {
  if (key == "uid") return nullptr;  // of vfat and others, not a typo of uuid
  for (const OptionRule& rule : kRules) {
    bool takes_value = rule.arg == kValue || rule.arg == kSwitch;
    if (takes_value && OneTypoApart(rule.key, key)) return &rule;
  }
  return nullptr;
}

std::vector<std::string> OptionNames() {
  std::vector<std::string> names;
  for (const OptionRule& rule : kRules) {
    names.push_back(std::string(rule.key) + (rule.arg == kValue ? "=" : ""));
  }
  return names;
}

}  // namespace plyfs
