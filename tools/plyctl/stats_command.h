// `plyctl stats`: what a live mount holds in memory and has done so far.  Main's thread.
#ifndef PLYFS_TOOLS_PLYCTL_STATS_COMMAND_H_
#define PLYFS_TOOLS_PLYCTL_STATS_COMMAND_H_

#include <optional>
#include <string>
#include <vector>

namespace plyfs::tool {

struct StatsCommand {
  std::string path;  // anything beneath the mount
  bool help = false;
};

// The words behind "stats".  Null: wrong usage, *error_line says what.
std::optional<StatsCommand> ParseStatsCommand(const std::vector<std::string>& words, std::string* error_line);

// Exit code.
int RunStatsCommand(const StatsCommand& command);

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYCTL_STATS_COMMAND_H_
