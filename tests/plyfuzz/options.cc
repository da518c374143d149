#include "tests/plyfuzz/options.h"

#include <getopt.h>

#include <algorithm>
#include <charconv>

#include "tests/plyfuzz/mount_options.h"

namespace plyfs::fuzz {

const char kHelp[] = R"(usage: plyfuzz [options]

Fuzzes a union filesystem: the same random layers and the same random operations on it and on what it is
compared with, and everything that a program can see must be the same.  The first difference is shrunk and
printed on stdout as a shell script that shows it on any overlay; what goes on is told on stderr.

What is fuzzed:
  --subject PROGRAM   called as PROGRAM -o lowerdir=...,upperdir=...,workdir=... MOUNTPOINT
                      (default: the plyfs beside plyfuzz); "kernel" is kernel overlayfs
  --against WHAT      what it is compared with: kernel (default), a PROGRAM likewise, or model: the statement of
                      what an overlay is that plyfs is tested with
  -o OPTIONS          more mount options, for both; may be given again.  Without it, and where both sides are
                      plyfs or the kernel, each seed draws some, or hostile layers
  --mount-options     lists every mount option of plyfs and whether it is drawn, and mounts nothing
  --threads N         after each run N clients at once on the subject, whose end must be what a fresh mount and
                      the other side show of the same layers
  --changed-lowers    after each run the subject is mounted three times, its lowers changed by hand each time before;
                      plyfs (lower=watch) also sees them changed while it is mounted
  --faults            during some steps the subject is killed (SIGKILL) and mounted again, or its disk is full: its
                      tree is then that of before or after the step, and goes on as if nothing had been
  --no-cross          layers that one has written are not mounted by the other, and upper directories are not
                      compared: for filesystems whose records are not overlayfs's
  --ignore KIND       a difference that is known; its kind is what stands first in its line; may be given again

How much:
  --seed S            of the first run (1)
  --seeds N           so many runs (20, or what the time allows)
  --steps N           operations a run (200; against the model up to 64, else 5 to 44)
  --layers N          lower layers (5; against the model up to 3, else 1 to 3)
  --time SECONDS      begins no run after that

Otherwise:
  --survey            goes on after a difference, shrinks nothing, prints no script; counts the kinds at the end
  --no-shrink         prints the script of the whole run
  --dir DIR           works there, and not on a filesystem of its own
  --fs TYPE           of that filesystem: ext4 (default), xfs, btrfs, tmpfs
  --help              this

Exit status: 0 no difference, 1 it could not be done (one line on stderr says why), 2 a difference was found.
Needs root.  Everything is mounted in a mount namespace of its own; ^C ends the run at hand in order.
)";

namespace {

enum Key {
  kSubject = 256,
  kAgainst,
  kNoCross,
  kIgnore,
  kSeed,
  kSeeds,
  kSteps,
  kLayers,
  kTime,
  kSurvey,
  kThreads,
  kChangedLowers,
  kFaults,
  kMountOptions,
  kNoShrink,
  kDir,
  kFs,
};

constexpr option kOptions[] = {{"subject", 1, nullptr, kSubject},
                               {"against", 1, nullptr, kAgainst},
                               {"no-cross", 0, nullptr, kNoCross},
                               {"ignore", 1, nullptr, kIgnore},
                               {"seed", 1, nullptr, kSeed},
                               {"seeds", 1, nullptr, kSeeds},
                               {"steps", 1, nullptr, kSteps},
                               {"layers", 1, nullptr, kLayers},
                               {"time", 1, nullptr, kTime},
                               {"survey", 0, nullptr, kSurvey},
                               {"no-shrink", 0, nullptr, kNoShrink},
                               {"dir", 1, nullptr, kDir},
                               {"fs", 1, nullptr, kFs},
                               {"threads", 1, nullptr, kThreads},
                               {"changed-lowers", 0, nullptr, kChangedLowers},
                               {"faults", 0, nullptr, kFaults},
                               {"mount-options", 0, nullptr, kMountOptions},
                               {"help", 0, nullptr, 'h'},
                               {nullptr, 0, nullptr, 0}};

std::string ParseNumber(const char* name, const std::string& text, uint64_t least, uint64_t most,
                        uint64_t* out) {
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, *out);
  if (result.ec == std::errc() && result.ptr == end && *out >= least && *out <= most) return "";
  return std::string("--") + name + "=" + text + ": not a number from " + std::to_string(least) + " to " +
         std::to_string(most);
}

std::string AddMountOptions(const std::string& text, std::string* all) {
  for (const char* name : {"lowerdir", "upperdir", "workdir", "lowerdir+", "datadir+"}) {
    if (("," + text).find("," + std::string(name) + "=") != std::string::npos)
      return "-o " + text + ": plyfuzz makes the layers itself; leave " + name + " out";
  }
  if (!all->empty()) *all += ",";
  *all += text;
  return "";
}

std::string Take(int key, const std::string& value, Options* o) {
  constexpr uint64_t kMany = UINT64_MAX / 4;
  uint64_t number = 0;
  std::string wrong;
  switch (key) {
    case kSubject:
      o->subject = value;
      return "";
    case kAgainst:
      o->against = value;
      return "";
    case 'o':
      return AddMountOptions(value, &o->mount_options);
    case kNoCross:
      o->cross = false;
      return "";
    case kIgnore:
      o->ignored.insert(value);
      return "";
    case kSeed:
      return ParseNumber("seed", value, 0, kMany, &o->seed);
    case kSeeds:
      return ParseNumber("seeds", value, 1, kMany, &o->seeds);
    case kSteps:
      return ParseNumber("steps", value, 1, 1000000, &o->steps);
    case kLayers:
      wrong = ParseNumber("layers", value, 1, 400, &number);
      o->layers = static_cast<int>(number);
      return wrong;
    case kThreads:
      wrong = ParseNumber("threads", value, 2, 64, &number);
      o->threads = static_cast<int>(number);
      return wrong;
    case kChangedLowers:
      o->changed_lowers = true;
      return "";
    case kFaults:
      o->faults = true;
      return "";
    case kMountOptions:
      o->list_mount_options = true;
      return "";
    case kTime:
      return ParseNumber("time", value, 1, kMany, &o->seconds);
    case kSurvey:
      o->survey = true;
      return "";
    case kNoShrink:
      o->shrink = false;
      return "";
    case kDir:
      o->dir = value;
      return "";
    case kFs:
      o->fs = value;
      if (value == "ext4" || value == "xfs" || value == "btrfs" || value == "tmpfs") return "";
      return "--fs=" + value + ": give ext4, xfs, btrfs or tmpfs";
    default:
      o->help = true;
      return "";
  }
}

// What a case against the model cannot have.
std::string CheckForModel(const Options& o) {
  if (o.layers > 3) return "--layers=" + std::to_string(o.layers) + ": a case against the model has up to 3";
  if (o.steps > 64) return "--steps=" + std::to_string(o.steps) + ": a case against the model has up to 64";
  if (o.threads != 0) return "--threads: not against the model; give --against kernel";
  if (o.faults) return "--faults: not against the model; give --against kernel";
  if (o.changed_lowers) return "--changed-lowers: not against the model; give --against kernel";
  for (size_t at = 0; at < o.mount_options.size();) {
    const size_t end = std::min(o.mount_options.find(',', at), o.mount_options.size());
    const std::string word = o.mount_options.substr(at, end - at);
    at = end + 1;
    const MountOption* option = FindMountOption(word);
    const bool known = word == "userxattr" || word.starts_with("xino=") || word.starts_with("redirect_dir=");
    if (known || (option != nullptr && option->drawn == Drawn::kNeutral)) continue;
    return "-o " + word +
           ": the model does not know it; give redirect_dir, userxattr, xino or what changes no answer";
  }
  return "";
}

}  // namespace

std::string ParseOptions(int argc, char** argv, const std::string& beside, Options* options) {
  options->subject = beside + "/plyfs";
  opterr = 0;
  optind = 0;
  for (int key = 0; (key = getopt_long(argc, argv, "+:o:h", kOptions, nullptr)) != -1;) {
    const std::string given = argv[optind - 1];
    if (key == ':') return given + ": needs a value; plyfuzz --help tells which";
    if (key == '?') return given + ": no such option; plyfuzz --help lists them";
    const std::string wrong = Take(key, optarg == nullptr ? "" : optarg, options);
    if (!wrong.empty()) return wrong;
  }
  if (optind != argc) return std::string(argv[optind]) + ": not an option; plyfuzz --help lists them";
  if (options->seeds == 0) options->seeds = options->seconds == 0 ? 20 : UINT64_MAX / 4;
  if (options->subject == "model")
    return "--subject model: it is no mount; give --subject PROGRAM --against model";
  if (options->faults && !options->dir.empty())
    return "--faults: fills the disk, which must be plyfuzz's own; leave --dir " + options->dir + " out";
  if (options->faults && options->fs != "ext4" && options->fs != "xfs")
    return "--faults: how much room --fs " + options->fs + " has cannot be told; give ext4 or xfs";
  if (options->against == "model") return CheckForModel(*options);
  if (options->layers == 0) options->layers = 5;
  if (options->steps == 0) options->steps = 200;
  return "";
}

}  // namespace plyfs::fuzz
