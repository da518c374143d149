#include "tools/plyctl/stats_command.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "engine/format/option_text.h"
#include "engine/format/stats_ioctl.h"
#include "engine/io/unique_fd.h"
#include "tools/plyctl/stats_table.h"

namespace plyfs::tool {
namespace {

int Fail(const std::string& path, const char* why) {
  std::fprintf(stderr, "plyctl: stats: %s: %s\n", Shown(path).c_str(), why);
  return 1;
}

const char* WhyNot(int error) {
  switch (error) {
    case ENOTTY:
    case EINVAL:
    case EOPNOTSUPP:
      return "not on a plyfs mount; name its mountpoint";
    case EPERM:
      return "only root and who mounted it may ask";
    default:
      return std::strerror(error);
  }
}

}  // namespace

std::optional<StatsCommand> ParseStatsCommand(const std::vector<std::string>& words,
                                              std::string* error_line) {
  StatsCommand command;
  for (const std::string& word : words) {
    if (word == "--help" || word == "-h") {
      command.help = true;
    } else if (!word.empty() && word[0] != '-' && command.path.empty()) {
      command.path = word;
    } else {
      *error_line = "stats: " + Shown(word) + ": not understood; write plyctl stats MOUNTPOINT";
      return std::nullopt;
    }
  }
  if (command.path.empty() && !command.help) {
    *error_line = "stats: no mount is named; write plyctl stats MOUNTPOINT";
    return std::nullopt;
  }
  return command;
}

int RunStatsCommand(const StatsCommand& command) {
  UniqueFd fd(::open(command.path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) return Fail(command.path, std::strerror(errno));
  std::string answer(kStatsSize, '\0');
  if (::ioctl(fd.get(), kStatsIoctl, answer.data()) < 0) return Fail(command.path, WhyNot(errno));
  return std::fputs(StatsTable(answer).c_str(), stdout) >= 0 && std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace plyfs::tool
