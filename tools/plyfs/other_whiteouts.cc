#include "tools/plyfs/other_whiteouts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <string>
#include <string_view>

#include "engine/io/unique_fd.h"

namespace plyfs::tool {
namespace {

// Who may write the file decides what the layers say: nobody else than root and ourselves.
bool SaysMountProgram(const std::string& file) {
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat st;
  if (!fd || ::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) return false;
  if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 || (st.st_uid != 0 && st.st_uid != ::geteuid())) return false;
  char text[4];
  ssize_t got = ::read(fd.get(), text, sizeof text);
  return got == sizeof text && std::string_view(text, sizeof text) == "true";
}

// The directories above one, each looked at once.
class Ancestors {
 public:
  // The file above `path` that says so; empty: there is none.
  std::string Find(const std::string& path) {
    std::string dir = ParentOf(path);
    if (!seen_.insert(dir).second) return {};
    char* resolved = ::realpath(dir.c_str(), nullptr);
    if (resolved == nullptr) return {};
    dir = resolved;
    ::free(resolved);
    while (looked_at_.insert(dir).second) {
      std::string file = (dir == "/" ? "" : dir) + "/.has-mount-program";
      if (SaysMountProgram(file)) return file;
      dir = ParentOf(dir);
    }
    return {};
  }

 private:
  static std::string ParentOf(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    path.erase(path.rfind('/') + 1);
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
  }

  std::set<std::string> seen_, looked_at_;
};

bool IsAuto(ParsedOptions& options, Personality personality) {
  if (personality == Personality::kFuseOverlayfs) return true;
  Ancestors ancestors;
  for (const std::string& lower : options.stack.lowerdirs) {
    std::string file = ancestors.Find(lower);
    if (file.empty()) continue;
    options.notes.push_back("wh=auto: on, for " + Shown(file) + " is there: names like .wh.x are whiteouts");
    return true;
  }
  return false;
}

}  // namespace

void SettleOtherWhiteouts(ParsedOptions& options, Personality personality) {
  StackConfig& stack = options.stack;
  if (stack.other_whiteouts == OtherWhiteouts::kAuto) {
    stack.other_whiteouts = IsAuto(options, personality) ? OtherWhiteouts::kOn : OtherWhiteouts::kOff;
  }
  if (!stack.reads_other_whiteouts() || stack.index_dir.empty()) return;
  options.notes.push_back("index_dir=" + Shown(stack.index_dir) +
                          " ignored: indices do not know wh=on's names");
  stack.index_dir.clear();
}

}  // namespace plyfs::tool
