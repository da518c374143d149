#include "tests/plyfuzz/mount_options.h"

namespace plyfs::fuzz {
namespace {

MountOption Of(Drawn drawn, const std::string& name, std::vector<std::string> values) {
  MountOption option{name, drawn, {}, ""};
  for (const std::string& value : values) option.values.push_back(name + "=" + value);
  if (values.empty()) option.values = {name};
  return option;
}

// A sanitized daemon makes calls of its own, which the sandbox refuses.
#ifdef PLYFS_SANITIZED
const std::vector<std::string> kSandbox = {"off"};
#else
const std::vector<std::string> kSandbox = {"on", "off"};
#endif

void AddDrawn(std::vector<MountOption>* all) {
  constexpr Drawn kOverlay = Drawn::kOverlay, kNeutral = Drawn::kNeutral, kOwn = Drawn::kOwn;
  *all = {Of(kOverlay, "redirect_dir", {"on", "follow", "nofollow", "off"}),
          Of(kOverlay, "userxattr", {}),
          Of(kOverlay, "xino", {"on", "auto", "off"}),
          Of(kNeutral, "fsync", {"auto", "strict"}),
          Of(kNeutral, "lower", {"watch", "frozen"}),
          Of(kNeutral, "wh", {"auto", "on", "off"}),
          Of(kNeutral, "timeout", {"0", "0.01", "1000000000"}),
          Of(kNeutral, "merge_index", {"auto", "on", "off"}),
          Of(kNeutral, "memory", {"8K", "1M"}),
          Of(kNeutral, "threads", {"1", "4"}),
          Of(kNeutral, "threaded", {"0", "1"}),
          Of(kNeutral, "transport", {"auto", "read"}),
          Of(kNeutral, "io_uring", {"on", "off"}),
          Of(kNeutral, "max_write", {"4096", "65536"}),
          Of(kNeutral, "max_read", {"4096", "65536"}),
          Of(kNeutral, "sandbox", kSandbox),
          Of(kNeutral, "auto_unmount", {}),
          Of(kNeutral, "strict", {}),
          Of(kOwn, "uidmapping", {"0:100000:65536"}),
          Of(kOwn, "gidmapping", {"0:100000:65536"}),
          Of(kOwn, "squash_to_root", {}),
          Of(kOwn, "squash_to_uid", {"1001"}),
          Of(kOwn, "squash_to_gid", {"1001"}),
          Of(kOwn, "noacl", {}),
          Of(kOwn, "noxattrs", {"0", "1"}),
          Of(kOwn, "static_nlink", {}),
          Of(kOwn, "xattr_permissions", {"0"})};
}

struct Reason {
  Drawn drawn;
  const char* what;
  std::vector<const char*> names;
};

const std::vector<Reason>& Reasons() {
  constexpr Drawn kMade = Drawn::kMade, kNotDrawn = Drawn::kNotDrawn;
  static const std::vector<Reason> reasons = {
      {kMade, "the layers of each run", {"lowerdir", "upperdir", "workdir"}},
      {kMade,
       "one layer a call, for the kernel; hostile layers are read with data-only ones",
       {"lowerdir+", "datadir+"}},
      {kMade, "hostile layers are read with it, without an upper", {"metacopy"}},
      {kMade, "among the steps", {"remount", "ro", "rw"}},
      {kMade, "indices that plyctl makes: plyfs_differential --indices", {"index_dir"}},
      {kNotDrawn, "such an upper cannot be mounted twice, and every run remounts", {"volatile"}},
      {kNotDrawn, "only off is taken", {"index", "nfs_export", "verity"}},
      {kNotDrawn, "a way to write options down, not one of them", {"@FILE"}},
      {kNotDrawn, "prints, and serves the same", {"debug"}},
      {kNotDrawn, "what the table of mounts shows", {"fsname", "subtype"}},
      {kNotDrawn,
       "for SELinux, which no run has",
       {"context", "label", "fscontext", "defcontext", "rootcontext"}},
      {kNotDrawn, "who may come in at all", {"allow_other", "allow_root", "default_permissions"}},
      {kNotDrawn, "what statfs tells, and a record that no comparison looks at (Z2)", {"uuid"}},
      {kNotDrawn,
       "kept by the VFS, before it asks any filesystem",
       {"nosuid", "nodev", "noexec", "nosymfollow"}},
      {kNotDrawn,
       "when data reach the disk, which a live mount does not show",
       {"sync", "dirsync", "lazytime"}},
      {kNotDrawn,
       "atimes, of which runs compare what the default does",
       {"noatime", "nodiratime", "relatime", "strictatime"}},
      {kNotDrawn,
       "the default, which others take back",
       {"suid", "dev", "exec", "async", "symfollow", "nolazytime", "atime", "diratime", "norelatime",
        "nostrictatime"}},
      {kNotDrawn,
       "where the mount shows, not what it shows",
       {"private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"}},
      {kNotDrawn,
       "accepted without effect",
       {"plugins",        "writeback",        "fast_ino",        "fast_ino_check",
        "ino32_t",        "kernel_cache",     "splice_read",     "splice_write",
        "splice_move",    "no_splice_read",   "no_splice_write", "no_splice_move",
        "override_creds", "nooverride_creds", "silent",          "loud",
        "mand",           "nomand",           "iversion",        "noiversion"}},
      {kNotDrawn,
       "for mount(8)",
       {"defaults", "auto", "noauto", "nofail", "user", "nouser", "users", "owner", "group", "_netdev",
        "comment", "x-*", "X-*", "user_id", "group_id", "fd", "rootmode", "blksize"}}};
  return reasons;
}

}  // namespace

const std::vector<MountOption>& MountOptions() {
  static const std::vector<MountOption> all = [] {
    std::vector<MountOption> options;
    AddDrawn(&options);
    for (const Reason& reason : Reasons()) {
      for (const char* name : reason.names) options.push_back({name, reason.drawn, {}, reason.what});
    }
    return options;
  }();
  return all;
}

std::string DrawMountOptions(Drawn drawn, diff::Dice* dice) {
  std::vector<const MountOption*> from;
  for (const MountOption& option : MountOptions()) {
    if (option.drawn == drawn) from.push_back(&option);
  }
  std::string text;
  for (uint64_t n = dice->Below(4); n > 0; --n) {
    const MountOption* option = dice->Pick(from);
    if (("," + text).find("," + option->name) != std::string::npos) continue;
    text += (text.empty() ? "" : ",") + dice->Pick(option->values);
  }
  return text;
}

const MountOption* FindMountOption(const std::string& word) {
  const std::string name = word.substr(0, word.find('='));
  for (const MountOption& option : MountOptions()) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

std::string DescribeMountOptions() {
  static constexpr const char* kHow[] = {
      "drawn for both sides, where both are plyfs or the kernel", "drawn for plyfs alone: changes no answer",
      "drawn for both sides, where both are plyfs", "made by plyfuzz: ", "not drawn: "};
  std::string text;
  for (const MountOption& option : MountOptions()) {
    text += option.name + std::string(option.name.size() < 20 ? 20 - option.name.size() : 1, ' ') +
            kHow[static_cast<int>(option.drawn)] + option.what + "\n";
  }
  return text;
}

}  // namespace plyfs::fuzz
