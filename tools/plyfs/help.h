// The texts of --help and --version (packaging contract: docs and scripts cut words out of them).
#ifndef PLYFS_TOOLS_PLYFS_HELP_H_
#define PLYFS_TOOLS_PLYFS_HELP_H_

#include <string>

#include "tools/plyfs/command_line.h"

namespace plyfs::tool {

std::string HelpText(Program program);
std::string VersionText(Program program);

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYFS_HELP_H_
