// Mount options as a whole: what is accepted describes a mount that can be made, what is refused is refused
// in one line with a remedy. Flags A: called as fuse-overlayfs, B: not root, C: without CAP_SYS_ADMIN, D:
// strict, E: lists can be read. Then the arguments of -o between NULs; behind an empty one, what every @FILE
// holds.
//
// unit: engine/format/mount_options.cc engine/format/option_table.cc engine/format/layer_options.cc
// unit: engine/format/mount_flags.cc
#include <sys/mount.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>

#include "engine/format/mount_options.h"
#include "fuzz/input.h"

namespace plyfs::fuzz {
namespace {

bool OneLine(std::string_view text) {
  return !text.empty() && std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

void CheckStack(const StackConfig& stack) {
  Require(!stack.lowerdirs.empty());
  std::vector<std::string> paths = stack.lowerdirs;
  paths.insert(paths.end(), stack.datadirs.begin(), stack.datadirs.end());
  Require(stack.has_upper() == !stack.workdir.empty());
  if (stack.has_upper()) paths.insert(paths.end(), {stack.upperdir, stack.workdir});
  for (const std::string& path : paths) {
    Require(!path.empty() && path.find('\0') == path.npos && !path.starts_with("//"));
  }
  Require(stack.redirect_dir != RedirectDir::kOff);
  if (stack.metacopy) Require(!stack.has_upper());
  if (stack.userxattr) Require(stack.redirect_dir == RedirectDir::kNoFollow && !stack.metacopy);  // M20
  if (!stack.has_upper()) Require(stack.fsync != FsyncPolicy::kVolatile && stack.uuid != UuidMode::kOn);
  Require(stack.memory_bytes > 0);
}

void CheckServe(const ServeWish& serve) {
  Require(serve.threads >= 0 && serve.threads <= 1024);
  Require(std::isfinite(serve.timeout_s) && (serve.timeout_s >= 0 || serve.timeout_s == -1));
  Require(serve.max_write == 0 || (serve.max_write >= 4096 && serve.max_write <= 1u << 20));
  for (const int64_t squash : {serve.squash_uid, serve.squash_gid}) {
    Require(squash >= -1 && squash < int64_t{UINT32_MAX});
  }
  for (const auto* map : {&serve.uid_map, &serve.gid_map}) {
    for (const IdMapRange& range : *map) Require(range.length > 0);
  }
}

void CheckMount(const ParsedOptions& options) {
  const MountWish& mount = options.mount;
  Require(options.stack.writable() == ((mount.flags.set & MS_RDONLY) == 0));
  Require(!(mount.allow_root && mount.allow_other));
  Require(mount.max_read == 0 || (mount.max_read >= 4096 && mount.max_read <= 1u << 20));
  // At most one of the three ways to treat atime.
  Require(std::popcount(mount.flags.set & (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)) <= 1);
  for (const std::string* text : {&mount.fsname, &mount.subtype, &mount.selinux_context}) {
    Require(text->find('\0') == text->npos);
  }
}

// The parts that decide what is mounted.
bool Same(const ParsedOptions& a, const ParsedOptions& b) {
  return a.stack.lowerdirs == b.stack.lowerdirs && a.stack.datadirs == b.stack.datadirs &&
         a.stack.upperdir == b.stack.upperdir && a.stack.workdir == b.stack.workdir &&
         a.stack.redirect_dir == b.stack.redirect_dir && a.stack.metacopy == b.stack.metacopy &&
         a.stack.userxattr == b.stack.userxattr && a.mount.flags.set == b.mount.flags.set &&
         a.mount.fsname == b.mount.fsname && a.serve.threads == b.serve.threads &&
         a.serve.uid_map == b.serve.uid_map && a.remount == b.remount;
}

void Parse(const std::vector<std::string>& texts, bool strict, const OptionContext& context) {
  std::string line;
  const Result<ParsedOptions> options = ParseMountOptions(texts, strict, context, &line);
  if (!options) {
    Require(OneLine(line) && line.find(": ") != line.npos && line.find("; ") != line.npos);
    return Require(options.error() == EINVAL || options.error() == ENOENT || options.error() == ENOSYS);
  }
  Require(line.empty());
  for (const std::string& warning : options->warnings) Require(OneLine(warning));
  for (const std::string& note : options->notes) Require(OneLine(note));
  if (strict) Require(options->warnings.empty());
  if (!options->remount) {
    CheckStack(options->stack);
    CheckServe(options->serve);
    CheckMount(*options);
    if (!context.trusted) Require(options->stack.userxattr);
  }
  // Said once more, it is the same; what strict lets pass is the same without.
  const Result<ParsedOptions> again = ParseMountOptions(texts, false, context, &line);
  Require(again.ok() && Same(*again, *options));
  // So is one string of them all, where no text reaches beyond its end.
  std::string joined;
  for (const std::string& text : texts) {
    if (text.find_first_of("\\\"") != text.npos) return;
    joined += text + ",";
  }
  const Result<ParsedOptions> whole = ParseMountOptions({joined}, false, context, &line);
  Require(whole.ok() && Same(*whole, *options));
}

}  // namespace
}  // namespace plyfs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool kNamed = !plyfs::KnownOptions().empty();
  plyfs::fuzz::Require(kNamed);
  plyfs::fuzz::Input in(data, size);
  in.Flags();
  plyfs::OptionContext context;
  if (in.Bit(0)) context.personality = plyfs::Personality::kFuseOverlayfs;
  context.root = !in.Bit(1);
  context.trusted = !in.Bit(2);
  std::vector<std::string> texts;
  for (std::string_view text = in.Until('\0'); !text.empty(); text = in.Until('\0')) texts.emplace_back(text);
  const std::string list(in.Rest());
  if (in.Bit(4)) {
    context.read_list = [&](std::string_view name) -> plyfs::Result<std::string> {
      if (name.empty()) return plyfs::Errno(ENOENT);
      return list;
    };
  }
  plyfs::fuzz::Parse(texts, in.Bit(3), context);
  return 0;
}
