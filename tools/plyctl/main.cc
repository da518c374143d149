// plyctl: works on layers offline (`index`, `check`) and looks into live mounts (`stats`).  Reads the command
// line and calls the command.
#include <cstdio>
#include <string>
#include <vector>

#include "engine/format/option_text.h"
#include "tools/plyctl/check_command.h"
#include "tools/plyctl/index_command.h"
#include "tools/plyctl/stats_command.h"

namespace plyfs::tool {
namespace {

constexpr char kHelp[] = R"(Usage: plyctl index [--index-dir DIR] LAYER...
       plyctl check UPPER [--lower DIR]... [--workdir DIR] [--userxattr] [--repair] [--verbose]
       plyctl stats MOUNTPOINT
       plyctl --help | --version

index   reads each layer (a directory that plyfs mounts as a lower one) and writes what it holds into one file in
        DIR, for mounts with the option index_dir=DIR.  A layer is indexed once, however many mounts stack it;
        index it again after it was changed.  The files are never taken from a directory, and a file never
        used, that others may write to.

        --index-dir DIR   made if it is not there; without it $XDG_CACHE_HOME/plyfs, as root /var/cache/plyfs,
                          else ~/.cache/plyfs

check   looks for what is wrong in the upper directory of a mount that is not live: a line each, with what plyfs and
        the kernel make of it and what mends it.  docs/check.md lists all there is.

        --lower DIR       a lower directory, topmost first; A:B and A::DATA as in lowerdir= too.  Without them what
                          records lead to is not checked
        --workdir DIR     the mount's work directory; without it what is left in it is not checked
        --userxattr       for mounts with userxattr: records are user.overlay.*, not trusted.overlay.*
        --repair          mends what can be mended without losing anything
        --verbose, -v     tells what is harmless one by one

stats   prints what the mount has done so far and holds in memory, a figure a line: requests and those that changed
        threads, system calls that it made, names, attributes, watches and descriptors that it keeps, its memory
        and how much that may be.  For root and for who mounted it.

Exit status: 0 done, 1 not, with one line on stderr; of check 0: nothing is wrong any more, 1: something is.
)";

int Say(const std::string& text) {
  return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0 ? 0 : 1;
}

int Main(const std::vector<std::string>& words) {
  const std::string command = words.empty() ? "" : words[0];
  if (command == "--help" || command == "-h") return Say(kHelp);
  if (command == "--version" || command == "-V") return Say("plyctl: version " PLYFS_VERSION "\n");
  std::string line = command.empty() ? "no command; see plyctl --help"
                                     : Shown(command) + ": no such command; see plyctl --help";
  if (command == "index") {
    auto index = ParseIndexCommand({words.begin() + 1, words.end()}, &line);
    if (index) return index->help ? Say(kHelp) : RunIndexCommand(*index);
  }
  if (command == "check") {
    auto check = ParseCheckCommand({words.begin() + 1, words.end()}, &line);
    if (check) return check->help ? Say(kHelp) : RunCheckCommand(*check);
  }
  if (command == "stats") {
    auto stats = ParseStatsCommand({words.begin() + 1, words.end()}, &line);
    if (stats) return stats->help ? Say(kHelp) : RunStatsCommand(*stats);
  }
  std::fprintf(stderr, "plyctl: %s\n", line.c_str());
  return 1;
}

}  // namespace
}  // namespace plyfs::tool

int main(int argc, char** argv) {
  return plyfs::tool::Main(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
}
