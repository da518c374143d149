#include "tools/plyctl/index_command.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "engine/format/option_text.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_limits.h"
#include "engine/layer/index_file.h"
#include "engine/layer/index_writer.h"

namespace plyfs::tool {
namespace {

int Fail(const std::string& line) {
  std::fprintf(stderr, "plyctl: %s\n", Shown(line).c_str());
  return 1;
}

// The directory and those above it that are missing.
Status MakeFolders(const std::string& path) {
  for (size_t at = 1; at <= path.size(); ++at) {
    if (at != path.size() && path[at] != '/') continue;
    Status made = sys::MkdirAt(AT_FDCWD, path.substr(0, at).c_str(), 0755);
    if (!made.ok() && made.error() != EEXIST) return made;
  }
  return OkStatus();
}

// One line that is written over while it goes on, where somebody watches; else a line a layer.
class Progress {
 public:
  explicit Progress(size_t layers) : layers_(layers), terminal_(::isatty(STDERR_FILENO) == 1) {}

  void Begin(const std::string& layer) {
    ++number_;
    layer_ = Shown(layer);
  }
  void Tell(const IndexProgress& now) {
    if (!terminal_) return;
    auto time = std::chrono::steady_clock::now();
    if (time - last_ < std::chrono::milliseconds(200)) return;
    last_ = time;
    Print(now, "\r", "\033[K");
  }
  void End(const IndexProgress& done) { Print(done, terminal_ ? "\r" : "", terminal_ ? "\033[K\n" : "\n"); }
  void Break() const {
    if (terminal_) std::fputs("\r\033[K", stderr);
  }

 private:
  void Print(const IndexProgress& now, const char* before, const char* after) const {
    std::fprintf(stderr, "%s[%zu/%zu] %s: %llu directories, %llu entries%s", before, number_, layers_,
                 layer_.c_str(), static_cast<unsigned long long>(now.directories),
                 static_cast<unsigned long long>(now.entries), after);
  }

  const size_t layers_;
  const bool terminal_;
  size_t number_ = 0;
  std::string layer_;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace

std::optional<IndexCommand> ParseIndexCommand(const std::vector<std::string>& words,
                                              std::string* error_line) {
  IndexCommand command;
  bool options = true;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    constexpr std::string_view kDir = "--index-dir";
    if (!options || word.empty() || word[0] != '-' || word == "-") {
      command.layers.push_back(word);
    } else if (word == "--") {
      options = false;
    } else if (word == "--help" || word == "-h") {
      command.help = true;
    } else if (word == kDir && i + 1 < words.size()) {
      command.index_dir = words[++i];
    } else if (word.starts_with(std::string(kDir) + "=")) {
      command.index_dir = word.substr(kDir.size() + 1);
    } else {
      *error_line = "index: " + word + ": not understood, or its value is missing; see plyctl --help";
      return std::nullopt;
    }
  }
  if (command.layers.empty() && !command.help) {
    *error_line = "index: no layer is named; write plyctl index [--index-dir DIR] LAYER...";
    return std::nullopt;
  }
  return command;
}

std::string CacheFolder(const char* xdg_cache_home, const char* home, bool root) {
  auto absolute = [](const char* path) { return path != nullptr && path[0] == '/'; };
  // The specification has relative ones ignored.
  if (absolute(xdg_cache_home)) return std::string(xdg_cache_home) + "/plyfs";
  if (root) return "/var/cache/plyfs";
  return absolute(home) ? std::string(home) + "/.cache/plyfs" : std::string();
}

int RunIndexCommand(const IndexCommand& command) {
  (void)sys::RaiseDescriptorLimit();
  std::string path = command.index_dir;
  if (path.empty()) path = CacheFolder(std::getenv("XDG_CACHE_HOME"), std::getenv("HOME"), ::geteuid() == 0);
  if (path.empty()) return Fail("index: no place for the files: no home directory; give --index-dir DIR");
  std::string why;
  Status made = MakeFolders(path);
  Result<UniqueFd> folder = made.ok() ? OpenIndexFolder(path, &why) : Result<UniqueFd>(made.status());
  if (!folder.ok()) {
    if (why.empty()) why = std::strerror(folder.error());
    return Fail("index: " + path + ": " + why + "; give --index-dir DIR, a directory of your own");
  }
  Progress progress(command.layers.size());
  for (const std::string& layer : command.layers) {
    progress.Begin(layer);
    std::string line;
    auto told = [&](const IndexProgress& now) { progress.Tell(now); };
    Result<IndexProgress> written = WriteLayerIndex(layer, folder->get(), told, &line);
    if (!written.ok()) {
      progress.Break();
      return Fail("index: " + line);
    }
    progress.End(*written);
  }
  return 0;
}

}  // namespace plyfs::tool
