// The text behind `@NAME` of an option: a file, or the descriptor whose number NAME is.  Main's thread.
#ifndef PLYFS_TOOLS_PLYFS_LIST_FILE_H_
#define PLYFS_TOOLS_PLYFS_LIST_FILE_H_

#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace plyfs::tool {

Result<std::string> ReadListFile(std::string_view name);

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYFS_LIST_FILE_H_
