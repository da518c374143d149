#include "engine/format/mount_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <map>
#include <set>
#include <string>

namespace plyfs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kStack[] = "lowerdir=/l,upperdir=/u,workdir=/w,";
constexpr char kLower[] = "lowerdir=/l,";

class MountOptions : public testing::Test {
 protected:
  MountOptions() {
    context_.read_list = [this](std::string_view name) -> Result<std::string> {
      auto found = files_.find(std::string(name));
      if (found == files_.end()) return Errno(ENOENT);
      return found->second;
    };
  }

  Result<ParsedOptions> Parse(const std::vector<std::string>& texts) {
    line_.clear();
    return ParseMountOptions(texts, false, context_, &line_);
  }
  ParsedOptions Good(const std::string& text) { return Good(std::vector<std::string>{text}); }
  ParsedOptions Good(const std::vector<std::string>& texts) {
    Result<ParsedOptions> parsed = Parse(texts);
    EXPECT_TRUE(parsed.ok()) << texts.front() << ": " << line_;
    return parsed.ok() ? *std::move(parsed) : ParsedOptions();
  }
  // The error's line, which is one line that begins with the option.
  std::string Bad(const std::string& text, const std::string& option) {
    Result<ParsedOptions> parsed = Parse({text});
    EXPECT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error(), EINVAL) << text;
    EXPECT_TRUE(line_.starts_with(option)) << text << " gave: " << line_;
    EXPECT_EQ(line_.find('\n'), std::string::npos);
    EXPECT_NE(line_.find("; "), std::string::npos) << "no remedy: " << line_;
    EXPECT_FALSE(line_.ends_with("; ")) << "an empty remedy: " << line_;
    return line_;
  }

  OptionContext context_;
  std::map<std::string, std::string> files_;
  std::string line_;
};

TEST_F(MountOptions, Defaults) {
  ParsedOptions o = Good(kStack);
  EXPECT_THAT(o.stack.lowerdirs, ElementsAre("/l"));
  EXPECT_EQ(o.stack.upperdir, "/u");
  EXPECT_EQ(o.stack.workdir, "/w");
  EXPECT_EQ(o.stack.redirect_dir, RedirectDir::kFollow);
  EXPECT_FALSE(o.stack.metacopy || o.stack.userxattr || o.stack.opaque_mkdir || o.stack.read_only);
  EXPECT_EQ(o.stack.fsync, FsyncPolicy::kAuto);
  EXPECT_EQ(o.mount.flags.set, 0u);
  EXPECT_TRUE(o.mount.allow_other);
  EXPECT_TRUE(o.serve.posix_acl);
  EXPECT_LT(o.serve.timeout_s, 0);
  EXPECT_THAT(o.warnings, IsEmpty());
  EXPECT_THAT(o.notes, IsEmpty());
}

// M5.
TEST_F(MountOptions, LastValueWinsOverSeveralTexts) {
  ParsedOptions o = Good({"workdir=/w", "upperdir=/u", "lowerdir=/a:/b", "lowerdir=/c,timeout=1,timeout=2"});
  EXPECT_THAT(o.stack.lowerdirs, ElementsAre("/c"));
  EXPECT_EQ(o.serve.timeout_s, 2);
}

// M3: a colon in upper and work is no separator.
TEST_F(MountOptions, UpperAndWorkUnescape) {
  ParsedOptions o = Good(R"(lowerdir=/l,upperdir=/a:b\,c,workdir=/d\:e\\f)");
  EXPECT_EQ(o.stack.upperdir, "/a:b,c");
  EXPECT_EQ(o.stack.workdir, R"(/d:e\f)");
  EXPECT_EQ(o.upperdir_text, R"(/a:b\,c)");
}

// M6.
TEST_F(MountOptions, RepeatableLayers) {
  ParsedOptions o = Good("lowerdir+=/a:b,lowerdir+=/c,datadir+=/d,datadir+=/e");
  EXPECT_THAT(o.stack.lowerdirs, ElementsAre("/a:b", "/c"));
  EXPECT_THAT(o.stack.datadirs, ElementsAre("/d", "/e"));
  EXPECT_THAT(Good("lowerdir+=/a,lowerdir=/b").stack.lowerdirs, ElementsAre("/b"));
  EXPECT_THAT(Good(R"(lowerdir+=/a\:b\\c\,d,datadir+=/e\:f)").stack.lowerdirs, ElementsAre(R"(/a\:b\\c,d)"));
  Bad("lowerdir=/a,datadir+=/d", "datadir+=/d");
  Bad("lowerdir=/a,lowerdir+=/b", "lowerdir+=/b");
  Bad("lowerdir+=/a,datadir+=/d,lowerdir+=/b", "lowerdir+=/b");
  Bad("datadir+=/d", "datadir+=/d");
}

TEST_F(MountOptions, LowersFromAFile) {
  files_["list"] = "/a:b\\c,d\n/e\n";
  files_["3"] = std::string("/x\0/y", 5);
  EXPECT_THAT(Good("lowerdir=@list").stack.lowerdirs, ElementsAre("/a:b\\c,d", "/e"));
  EXPECT_THAT(Good("lowerdir=@3").stack.lowerdirs, ElementsAre("/x", "/y"));
  EXPECT_THAT(Good("lowerdir=@3,lowerdir+=/z").stack.lowerdirs, ElementsAre("/x", "/y", "/z"));
  EXPECT_THAT(Good("lowerdir+=/t,lowerdir=@3").stack.lowerdirs, ElementsAre("/t", "/x", "/y"));
  EXPECT_THAT(Good("lowerdir=@list,lowerdir=@3").stack.lowerdirs, ElementsAre("/x", "/y"));
  EXPECT_THAT(Good("lowerdir=/q,lowerdir=@3").stack.lowerdirs, ElementsAre("/x", "/y"));
  EXPECT_EQ(Good("lowerdir=@3").lowerdir_text, "");
  files_["empty"] = "\n";
  Bad("lowerdir=@empty", "lowerdir=@empty");
  EXPECT_THAT(Bad("lowerdir=@none", "lowerdir=@none"), HasSubstr("No such file"));
}

TEST_F(MountOptions, OptionsFromAFileAreVerbatim) {
  files_["f"] = "lowerdir+=/a,b\nlowerdir+=/c\\d\nupperdir=/u,\\\nworkdir=/w\nro\n";
  ParsedOptions o = Good("@f,noexec");
  EXPECT_THAT(o.stack.lowerdirs, ElementsAre("/a,b", "/c\\d"));
  EXPECT_EQ(o.stack.upperdir, "/u,\\");
  EXPECT_TRUE(o.stack.read_only);
  EXPECT_TRUE(o.mount.flags.set & MS_NOEXEC);
  files_["g"] = "lowerdir=/a\\b:/c";
  EXPECT_THAT(Good("@g").stack.lowerdirs, ElementsAre("/a\\b", "/c"));
  EXPECT_THAT(Good(R"(@g,upperdir=/u\,v,workdir=/w)").stack.upperdir, "/u,v");
  EXPECT_FALSE(Parse({"@none"}).ok());
  EXPECT_THAT(line_, HasSubstr("@none"));
}

TEST_F(MountOptions, HundredThousandLowers) {
  std::string list;
  for (int i = 0; i < 100000; ++i) list += "lowerdir+=/layers/" + std::to_string(i) + "\n";
  files_["f"] = list;
  EXPECT_EQ(Good("@f").stack.lowerdirs.size(), 100000u);
}

// rules: M4 M12, "Errors for bad paths"
TEST_F(MountOptions, BadLayers) {
  Bad("upperdir=/u,workdir=/w", "lowerdir=");
  Bad("", "lowerdir=");
  Bad("lowerdir=", "lowerdir=");
  Bad("lowerdir", "lowerdir");
  Bad("lowerdir=:/a", "lowerdir=:/a");
  Bad("lowerdir=/a:", "lowerdir=/a:");
  Bad("lowerdir=/a:::/b", "lowerdir=");
  Bad("lowerdir=/l,upperdir=,workdir=/w", "upperdir=");
  Bad("lowerdir=/l,upperdir=/u,workdir=", "workdir=");
  EXPECT_THAT(Bad("lowerdir=/l,upperdir=/u", "upperdir=/u"), HasSubstr("workdir="));
  EXPECT_THAT(Bad("lowerdir=/a://p/d/x", "lowerdir="), HasSubstr("plugins"));
  EXPECT_EQ(Good("lowerdir=/l,workdir=/w").stack.workdir, "") << "work alone is ignored";
}

TEST_F(MountOptions, FuseOverlayfsPersonality) {
  context_.personality = Personality::kFuseOverlayfs;
  ParsedOptions o = Good("lowerdir=/a:/b:,lowrdir=x,bogus");
  EXPECT_THAT(o.stack.lowerdirs, ElementsAre("/a", "/b"));
  EXPECT_TRUE(o.mount.flags.set & MS_NOATIME);
  EXPECT_EQ(o.warnings.size(), 2u);
  EXPECT_FALSE(Good("lowerdir=/a,relatime").mount.flags.set & MS_NOATIME);
}

TEST_F(MountOptions, UnknownIsWarnedOfAndTyposRefused) {
  EXPECT_THAT(Good("lowerdir=/l,bogus,bogus2=3").warnings,
              ElementsAre("unknown argument ignored: bogus", "unknown argument ignored: bogus2=3"));
  EXPECT_THAT(Bad("lowerdir=/l,lowrdir=x", "lowrdir=x"), HasSubstr("lowerdir="));
  EXPECT_THAT(Bad("lowerdir=/l,redirectdir=on", "redirectdir=on"), HasSubstr("redirect_dir="));
  EXPECT_EQ(Good("lowerdir=/l,uid=0").warnings.size(), 1u) << "not a typo of uuid=";
  EXPECT_EQ(Good("lowerdir=/l,lowrdir").warnings.size(), 1u) << "no value, no typo";
}

// Drop-in contract 1.3: edit distance 1 to a known key with `=`.
TEST_F(MountOptions, EveryNameThatTakesAValueIsGuardedAgainstOneTypo) {
  for (std::string_view key : {"lowerdir", "uuid", "xino", "wh", "sync", "index", "threaded", "noxattrs",
                               "timeout", "squash_to_uid", "transport", "lower"}) {
    for (size_t at = 0; at < key.size(); ++at) {
      std::string word(key);
      word[at] = '!';
      EXPECT_THAT(Bad("lowerdir=/l," + word + "=1", word), HasSubstr("did you mean"));
      EXPECT_THAT(Bad("lowerdir=/l," + std::string(key).insert(at, "!") + "=1", ""),
                  HasSubstr("did you mean"));
    }
  }
  EXPECT_THAT(Bad("lowerdir=/l,xion=on", "xion"), HasSubstr("xino="));
  EXPECT_THAT(Bad("lowerdir=/l,thread=1", "thread"), HasSubstr("did you mean"));
}

// Every option by itself: what it must not be given is one line that names it, whatever it is.
TEST_F(MountOptions, EveryOptionRefusesWhatItCannotMean) {
  // Their values are not looked at: of callers, without effect here.
  const std::set<std::string> free = {
      "plugins=",    "fscontext=",     "defcontext=",     "rootcontext=",   "splice_read",  "splice_write",
      "splice_move", "no_splice_read", "no_splice_write", "no_splice_move", "kernel_cache", "defaults",
      "auto",        "noauto",         "nofail",          "user",           "nouser",       "users",
      "owner",       "group",          "_netdev",         "comment",        "user_id",      "group_id",
      "fd",          "rootmode",       "blksize"};
  int looked_at = 0;
  for (const std::string& option : KnownOptions()) {
    if (free.contains(option)) continue;
    ++looked_at;
    if (!option.ends_with('=')) {
      Bad("lowerdir=/l," + option + "=maybe", option + "=maybe");
      continue;
    }
    Bad("lowerdir=/l," + option, option);  // an empty value
    std::string key = option.substr(0, option.size() - 1);
    // "sync" alone is mount(8)'s.
    if (key != "sync") EXPECT_THAT(Bad("lowerdir=/l," + key, key), HasSubstr("needs a value"));
  }
  EXPECT_GT(looked_at, 40);
}

TEST_F(MountOptions, StrictRefusesUnknown) {
  EXPECT_THAT(Bad("lowerdir=/l,bogus,strict", "bogus"), HasSubstr("strict"));
  Bad("strict,lowerdir=/l,bogus", "bogus");
  EXPECT_FALSE(ParseMountOptions({"lowerdir=/l,bogus"}, true, context_, &line_).ok());
}

TEST_F(MountOptions, WordsWithoutEffectAreQuiet) {
  ParsedOptions o =
      Good(std::string(kLower) +
           "defaults,nofail,noauto,_netdev,x-systemd.requires-mounts-for=/a,X-mount.mkdir,comment=x,"
           "x-gvfs-hide,user_id=0,group_id=0,fd=3,rootmode=40000,blksize=4096,writeback=1,fast_ino=1,"
           "splice_read,kernel_cache,plugins=,context=\"u:r:t:s0:c1,c2\",override_creds,"
           "default_permissions,allow_other,auto_unmount,ino32_t,xattr_permissions=0,wh=auto,"
           "memory=1G,transport=auto,io_uring=on,index=off,nfs_export=off,verity=off,metacopy=off");
  EXPECT_THAT(o.warnings, IsEmpty());
  EXPECT_THAT(o.notes, IsEmpty());
  EXPECT_EQ(o.mount.selinux_context, "u:r:t:s0:c1,c2");
  EXPECT_EQ(o.stack.memory_bytes, uint64_t{1} << 30);
  EXPECT_TRUE(o.mount.auto_unmount);
}

TEST_F(MountOptions, MountFlagsLastWins) {
  auto flags = [&](const std::string& words) { return Good(kStack + words).mount.flags; };
  EXPECT_EQ(flags("rw,nodev,nosuid,noexec,dev,suid").set, static_cast<unsigned long>(MS_NOEXEC));
  EXPECT_EQ(flags("noatime,relatime").set, static_cast<unsigned long>(MS_RELATIME));
  EXPECT_EQ(flags("relatime,noatime").set, static_cast<unsigned long>(MS_NOATIME));
  EXPECT_EQ(flags("noatime,strictatime,nostrictatime").set, 0u);
  EXPECT_EQ(flags("rprivate").propagation, static_cast<unsigned long>(MS_PRIVATE | MS_REC));
  EXPECT_EQ(flags("private").set, 0u);
  EXPECT_EQ(flags("sync").set, static_cast<unsigned long>(MS_SYNCHRONOUS));
  EXPECT_EQ(flags("sync=0").set, 0u) << "fuse-overlayfs' option, not the flag";
  EXPECT_TRUE(flags("rw").touched & MS_RDONLY);
}

TEST_F(MountOptions, ReadOnly) {
  ParsedOptions view = Good(std::string(kStack) + "ro");
  EXPECT_TRUE(view.stack.read_only);
  EXPECT_TRUE(view.stack.has_upper());
  EXPECT_TRUE(view.mount.flags.set & MS_RDONLY);
  EXPECT_TRUE(Good("rw,lowerdir=/l").mount.flags.set & MS_RDONLY) << "nothing to write to";
  EXPECT_FALSE(Good(std::string(kStack) + "ro,rw").stack.read_only);
}

// M23.
TEST_F(MountOptions, Conflicts) {
  for (const char* mode : {"off", "follow", "nofollow"}) {
    Bad(std::string(kStack) + "metacopy=on,redirect_dir=" + mode, "metacopy=on");
  }
  Bad("lowerdir=/l,metacopy=on,redirect_dir=nofollow", "metacopy=on");
  Bad("lowerdir=/l,metacopy=on,redirect_dir=off", "metacopy=on");
  Bad("lowerdir=/l,nfs_export=on,index=off", "nfs_export=on");
  Bad("lowerdir=/l,nfs_export=on,metacopy=on", "nfs_export=on");
  Bad("lowerdir=/l,userxattr,redirect_dir=on", "userxattr");
  Bad("lowerdir=/l,userxattr,redirect_dir=follow", "userxattr");
  Bad("lowerdir=/l,userxattr,metacopy=on", "userxattr");
}

TEST_F(MountOptions, NotYetSupported) {
  Bad(std::string(kStack) + "index=on", "index=on");
  Bad(std::string(kStack) + "nfs_export=on", "nfs_export=on");
  Bad(std::string(kStack) + "metacopy=on", "metacopy=on");
  Bad(std::string(kStack) + "verity=on", "verity=on:");
  Bad("lowerdir=/l,verity=require", "verity=require:");
  Bad("lowerdir=/l,xattr_permissions=2", "xattr_permissions=2");
}

// M24.
TEST_F(MountOptions, WithoutUpper) {
  ParsedOptions o = Good("lowerdir=/l,metacopy=on,redirect_dir=follow");
  EXPECT_TRUE(o.stack.metacopy);
  EXPECT_EQ(Good("lowerdir=/l,metacopy=on").stack.redirect_dir, RedirectDir::kOn) << "implied";
  o = Good("lowerdir=/l,index=on,volatile,uuid=on,nfs_export=on");
  EXPECT_EQ(o.notes.size(), 4u);
  EXPECT_EQ(o.stack.fsync, FsyncPolicy::kAuto);
  EXPECT_NE(o.stack.uuid, UuidMode::kOn);
  Bad("lowerdir=/l,nfs_export=on,redirect_dir=nofollow", "nfs_export=on");
}

// rules: M20 N6
TEST_F(MountOptions, FamilyAndOpaqueMkdir) {
  EXPECT_EQ(Good(std::string(kStack) + "userxattr").stack.redirect_dir, RedirectDir::kNoFollow);
  EXPECT_EQ(Good(std::string(kStack) + "redirect_dir=off").stack.redirect_dir, RedirectDir::kFollow);
  EXPECT_TRUE(Good(std::string(kStack) + "redirect_dir=on").stack.opaque_mkdir);
  EXPECT_TRUE(Good(std::string(kStack) + "xino=auto").stack.opaque_mkdir);
  EXPECT_FALSE(Good(std::string(kStack) + "redirect_dir=follow,xino=off").stack.opaque_mkdir);
  context_.trusted = false;
  ParsedOptions o = Good(std::string(kStack) + "redirect_dir=on");
  EXPECT_TRUE(o.stack.userxattr);
  EXPECT_EQ(o.stack.redirect_dir, RedirectDir::kNoFollow);
  EXPECT_EQ(o.notes.size(), 1u);
}

TEST_F(MountOptions, Sync) {
  EXPECT_EQ(Good(std::string(kStack) + "volatile").stack.fsync, FsyncPolicy::kVolatile);
  EXPECT_EQ(Good(std::string(kStack) + "fsync=volatile,fsync=strict").stack.fsync, FsyncPolicy::kStrict);
  ParsedOptions none = Good(std::string(kStack) + "fsync=0");
  EXPECT_TRUE(none.stack.no_fsync_requests);
  EXPECT_EQ(none.stack.fsync, FsyncPolicy::kAuto) << "no volatile mark";
  EXPECT_FALSE(Good(std::string(kStack) + "fsync=0,fsync=1").stack.no_fsync_requests);
  Bad("lowerdir=/l,fsync=ordered", "fsync=ordered");
}

TEST_F(MountOptions, Owners) {
  ParsedOptions o = Good("lowerdir=/l,uidmapping=:0:100000:65536,gidmapping=0:5:1");
  EXPECT_THAT(o.serve.uid_map, ElementsAre(IdMapRange{0, 100000, 65536}));
  EXPECT_THAT(o.serve.gid_map, ElementsAre(IdMapRange{0, 5, 1}));
  o = Good("lowerdir=/l,squash_to_uid=7,squash_to_root");
  EXPECT_EQ(o.serve.squash_uid, 7);
  EXPECT_EQ(o.serve.squash_gid, 0);
  EXPECT_EQ(Good(kLower).serve.squash_uid, -1);
  EXPECT_THAT(Bad("lowerdir=/l,uidmapping=0:1", "uidmapping=0:1"), HasSubstr("triple"));
  Bad("lowerdir=/l,squash_to_gid=4294967295", "squash_to_gid=");
}

TEST_F(MountOptions, BadValues) {
  for (const char* bad :
       {"timeout=abc", "xino=bad", "threads=0", "threads=x", "memory=", "transport=tcp", "lower=live",
        "io_uring=1", "sandbox=1", "sandbox", "volatile=1", "noxattrs=2", "redirect_dir=maybe", "uuid=x",
        "userxattr=on", "fsname=", "xattr_permissions=3", "wh=maybe", "threads"}) {
    Bad(std::string(kLower) + bad, bad);
  }
}

TEST_F(MountOptions, Serving) {
  EXPECT_EQ(Good("lowerdir=/l,threaded=0").serve.threads, 1);
  EXPECT_EQ(Good("lowerdir=/l,threads=4,threaded=0").serve.threads, 4);
  EXPECT_FALSE(Good("lowerdir=/l,noacl").serve.posix_acl);
  EXPECT_TRUE(Good("lowerdir=/l,noxattrs=1").stack.noxattrs);
  EXPECT_FALSE(Good("lowerdir=/l,noxattrs=0").stack.noxattrs);
  EXPECT_EQ(Good("lowerdir=/l,lower=frozen").stack.lower, LowerMode::kFrozen);
  EXPECT_FALSE(Good("lowerdir=/l,io_uring=off").stack.use_io_uring);
  EXPECT_FALSE(Good("lowerdir=/l").serve.sandbox);
  EXPECT_TRUE(Good("lowerdir=/l,sandbox=on").serve.sandbox);
  EXPECT_FALSE(Good("lowerdir=/l,sandbox=on,io_uring=on").stack.use_io_uring);
  EXPECT_EQ(Good("lowerdir=/l,transport=uring").notes.size(), 1u);
  EXPECT_EQ(Good("lowerdir=/l,timeout=0").serve.timeout_s, 0);
}

TEST_F(MountOptions, RemountNeedsNoLayers) {
  ParsedOptions o = Good("remount,ro,user_id=0,group_id=0,allow_other");
  EXPECT_TRUE(o.remount);
  EXPECT_TRUE(o.mount.flags.set & MS_RDONLY);
  EXPECT_THAT(o.warnings, IsEmpty());
}

TEST_F(MountOptions, AllowRootInsteadOfOther) {
  ParsedOptions o = Good("lowerdir=/l,allow_root");
  EXPECT_TRUE(o.mount.allow_root);
  EXPECT_FALSE(o.mount.allow_other);
  context_.root = false;
  EXPECT_FALSE(Good(kLower).mount.allow_other);
}

TEST_F(MountOptions, EveryKnownOptionIsFound) {
  for (const std::string& name : KnownOptions()) {
    Result<ParsedOptions> parsed = Parse({kLower + name});
    if (parsed.ok()) {
      EXPECT_THAT(parsed->warnings, IsEmpty()) << name;
    } else {
      EXPECT_EQ(line_.find("no such option"), std::string::npos) << line_;
    }
  }
}

}  // namespace
}  // namespace plyfs
