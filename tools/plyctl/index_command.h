// `plyctl index`: writes the LayerIndex file of each layer.  Main's thread.
#ifndef PLYFS_TOOLS_PLYCTL_INDEX_COMMAND_H_
#define PLYFS_TOOLS_PLYCTL_INDEX_COMMAND_H_

#include <optional>
#include <string>
#include <vector>

namespace plyfs::tool {

struct IndexCommand {
  std::string index_dir;  // empty: the cache directory
  std::vector<std::string> layers;
  bool help = false;
};

// The words behind "index".  Null: wrong usage, *error_line says what.
std::optional<IndexCommand> ParseIndexCommand(const std::vector<std::string>& words, std::string* error_line);

// Where files go that nobody said a place for: $XDG_CACHE_HOME/plyfs, /var/cache/plyfs for root, else
// ~/.cache/plyfs.  Empty: there is no home.
std::string CacheFolder(const char* xdg_cache_home, const char* home, bool root);

// Exit code.
int RunIndexCommand(const IndexCommand& command);

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYCTL_INDEX_COMMAND_H_
