// plyfs_crash: makes every call of a script of operations fail, and crashes the daemon and the disk at each
// step of it.  docs/faults.md says what is gone through and how to read the output.
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <sstream>

#include "tests/crash/count.h"
#include "tests/crash/crash_points.h"
#include "tests/crash/fault_points.h"
#include "tests/crash/live_points.h"
#include "tests/differential/private_fs.h"

namespace plyfs::crash {
namespace {

constexpr char kUsage[] =
    "usage: plyfs_crash [OPTIONS] [faults|count|live|crash]...        (none of these: all)\n"
    "  --quick        a part of the points: which one the seed says\n"
    "  --seed N       (default: 1)\n"
    "  --only TEXT    cases whose name holds TEXT\n"
    "  --plyfs FILE   the program, of a debug build\n"
    "  --script FILE  the operations\n";

struct Part {
  const char* name;
  std::function<Tally(const std::vector<Case>&, const Options&)> run;
};

const std::vector<Part>& Parts() {
  static const std::vector<Part> parts = {
      {"faults", RunFaultPoints},
      {"count", RunCount},
      {"live", RunLivePoints},
      {"crash", RunCrashPoints},
  };
  return parts;
}

const Part* FindPart(const std::string& name) {
  for (const Part& part : Parts()) {
    if (name == part.name) return &part;
  }
  return nullptr;
}

int Main(int argc, char** argv) {
  Options options;
  options.program = PLYFS_DEFAULT_BIN;
  std::string script_file = PLYFS_CRASH_SCRIPT;
  const option long_options[] = {{"quick", 0, nullptr, 'q'},  {"seed", 1, nullptr, 's'},
                                 {"only", 1, nullptr, 'o'},   {"plyfs", 1, nullptr, 'p'},
                                 {"script", 1, nullptr, 'f'}, {"help", 0, nullptr, 'h'},
                                 {nullptr, 0, nullptr, 0}};
  for (int c = 0; (c = getopt_long(argc, argv, "h", long_options, nullptr)) != -1;) {
    if (c == 'q') options.quick = true;
    if (c == 's') options.seed = strtoull(optarg, nullptr, 10);
    if (c == 'o') options.only = optarg;
    if (c == 'p') options.program = optarg;
    if (c == 'f') script_file = optarg;
    if (c == 'h') return fputs(kUsage, stdout), 0;
    if (c == '?') return fputs(kUsage, stderr), 1;
  }
  for (int i = optind; i < argc; ++i) {
    if (FindPart(argv[i]) != nullptr) continue;
    fprintf(stderr, "plyfs_crash: %s: no such part; write faults, count, live or crash\n", argv[i]);
    return 1;
  }
  std::ifstream in(script_file);
  if (!in) return fprintf(stderr, "plyfs_crash: %s: cannot be read; name a script\n", script_file.c_str()), 1;
  std::stringstream text;
  text << in.rdbuf();
  std::vector<Case> script;
  std::string error;
  if (!ParseScript(text.str(), &script, &error))
    return fprintf(stderr, "plyfs_crash: %s\n", error.c_str()), 1;
  if (!diff::HaveOwnMounts()) {
    fputs("plyfs_crash: cannot have mounts of its own; run it as root\n", stderr);
    return 1;
  }
  Tally all;
  for (const Part& part : Parts()) {
    bool wanted = optind == argc;
    for (int i = optind; i < argc; ++i) wanted |= FindPart(argv[i]) == &part;
    if (!wanted) continue;
    const Tally tally = part.run(script, options);
    printf("%s: %lu of %lu points pass\n", part.name, tally.points - tally.failed, tally.points);
    all.Add(tally);
  }
  printf("%lu of %lu points pass\n", all.points - all.failed, all.points);
  return all.failed == 0 && all.points > 0 ? 0 : 1;
}

}  // namespace
}  // namespace plyfs::crash

int main(int argc, char** argv) {
  return plyfs::crash::Main(argc, argv);
}
