// `plyctl check`: what is wrong in an upper directory, and with --repair mending it (docs/check.md).  Main's
// thread.
#ifndef PLYFS_TOOLS_PLYCTL_CHECK_COMMAND_H_
#define PLYFS_TOOLS_PLYCTL_CHECK_COMMAND_H_

#include <optional>
#include <string>
#include <vector>

#include "tools/plyctl/check_report.h"

namespace plyfs::tool {

struct CheckCommand {
  std::string upper;
  std::string workdir;              // empty: not known
  std::vector<std::string> lowers;  // topmost first; none: not known
  std::vector<std::string> data;    // data-only ones
  bool repair = false;
  bool userxattr = false;
  bool verbose = false;
  bool help = false;
};

// The words behind "check".  Null: wrong usage, *error_line says what.
std::optional<CheckCommand> ParseCheckCommand(const std::vector<std::string>& words, std::string* error_line);

// Whether nothing is wrong any more.  With *error_line set it could not be checked, or not whole.
bool Check(const CheckCommand& command, const CheckReport::Print& print, std::string* error_line);

// Exit code.
int RunCheckCommand(const CheckCommand& command);

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYCTL_CHECK_COMMAND_H_
