// CommandLine: what the words of argv ask for, by the name the program was called by.
//
// Three personalities (drop-in contract 1.1): plyfs; fuse-overlayfs, whose callers pass words of its own; and
// the helper of mount(8), for which -f is "fake" and failures are exit code 32.  Pure; main's thread.
#ifndef PLYFS_TOOLS_PLYFS_COMMAND_LINE_H_
#define PLYFS_TOOLS_PLYFS_COMMAND_LINE_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plyfs::tool {

enum class Program { kPlyfs, kFuseOverlayfs, kMountHelper };

// By the last component of argv[0].
Program ProgramByName(std::string_view argv0);
// What messages begin with and /proc/mounts shows.
const char* ProgramName(Program program);
// Exit code for a mount that failed: mount(8) tells 1 (wrong usage) from 32.
int MountFailure(Program program);
inline constexpr int kUsageFailure = 1;

struct CommandLine {
  enum class Action { kMount, kHelp, kVersion };

  Program program = Program::kPlyfs;
  Action action = Action::kMount;
  std::string source;      // the first of two positional words; may be empty
  std::string mountpoint;  // the last
  std::vector<std::string> option_texts;
  bool foreground = false;
  bool debug = false;
  bool strict = false;
  bool fake = false;            // mount -f: everything but the mounting
  bool sloppy = false;          // mount -s: unknown options without a word
  std::string mount_namespace;  // mount -N: where to mount, a path or a pid
  std::vector<std::string> warnings;
};

// Null: wrong usage, *error_line says what.
std::optional<CommandLine> ParseCommandLine(const std::vector<std::string>& argv, std::string* error_line);

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYFS_COMMAND_LINE_H_
