#include "tools/plyfs/layer_paths.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "engine/format/option_text.h"
#include "engine/io/mount_table.h"

namespace plyfs::tool {
namespace {

bool Exists(const std::string& path) {
  struct stat st;
  return ::stat(path.c_str(), &st) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

bool AllExist(const std::vector<std::string>& paths) {
  return std::all_of(paths.begin(), paths.end(), Exists);
}

void ChooseLowers(ParsedOptions& options) {
  if (options.lowerdir_text.find('\\') == std::string::npos) return;  // the readings are one
  StackConfig& stack = options.stack;
  if (AllExist(stack.lowerdirs) && AllExist(stack.datadirs)) return;
  std::optional<std::vector<std::string>> twice = SplitLowersTwice(options.lowerdir_text);
  if (!twice || !AllExist(*twice)) return;
  stack.lowerdirs = std::move(*twice);
  stack.datadirs.clear();
}

void ChoosePath(const std::string& text, std::string* path) {
  if (text.find('\\') == std::string::npos || Exists(*path)) return;
  std::string twice = UnescapeTwice(text);
  if (!twice.empty() && Exists(twice)) *path = std::move(twice);
}

void DropRepeated(std::vector<std::string>& paths) {
  std::set<std::pair<dev_t, ino_t>> seen;
  std::erase_if(paths, [&](const std::string& path) {
    struct stat st;
    return ::stat(path.c_str(), &st) == 0 && !seen.emplace(st.st_dev, st.st_ino).second;
  });
}

// Relative paths against the working directory, which is asked for at most once.
class Absolute {
 public:
  Status Make(const char* option, std::string& path, std::string* error_line) {
    if (path.empty() || path.front() == '/') return OkStatus();
    if (cwd_.empty()) {
      char buffer[PATH_MAX];
      if (::getcwd(buffer, sizeof buffer) == nullptr) {
        Errno error = LastErrno();
        *error_line = std::string(option) + "=" + Shown(path) +
                      ": relative, and the working directory is gone: " + std::strerror(error.value()) +
                      "; write an absolute path";
        return error;
      }
      cwd_ = buffer;
      if (cwd_ != "/") cwd_ += '/';
    }
    // One that grew too long still works as it is: layers are opened before the daemon leaves this directory.
    if (cwd_.size() + path.size() < PATH_MAX) path.insert(0, cwd_);
    return OkStatus();
  }

 private:
  std::string cwd_;
};

}  // namespace

Status PlaceLayers(ParsedOptions& options, Personality personality, std::string* error_line) {
  StackConfig& stack = options.stack;
  ChooseLowers(options);
  ChoosePath(options.upperdir_text, &stack.upperdir);
  ChoosePath(options.workdir_text, &stack.workdir);
  if (personality == Personality::kFuseOverlayfs) DropRepeated(stack.lowerdirs);
  Absolute absolute;
  for (std::string& path : stack.lowerdirs) PLY_CHECK(absolute.Make("lowerdir", path, error_line));
  for (std::string& path : stack.datadirs) PLY_CHECK(absolute.Make("datadir+", path, error_line));
  PLY_CHECK(absolute.Make("upperdir", stack.upperdir, error_line));
  PLY_CHECK(absolute.Make("index_dir", stack.index_dir, error_line));
  return absolute.Make("workdir", stack.workdir, error_line);
}

Result<std::string> PlaceMountpoint(const std::string& given, std::string* error_line) {
  if (MountedFd(given) >= 0) return given;
  if (given.empty()) {
    *error_line = "mountpoint: empty; name an existing directory";
    return Errno(ENOENT);
  }
  auto refuse = [&](int error, const char* cause, const char* remedy) {
    *error_line = "mountpoint " + Shown(given) + ": " + cause + "; " + remedy;
    return Errno(error);
  };
  char* resolved = ::realpath(given.c_str(), nullptr);
  if (resolved == nullptr) {
    int error = errno;
    const char* remedy =
        error == ENOTCONN ? "unmount the dead mount with umount -l" : "name an existing directory";
    return refuse(error, std::strerror(error), remedy);
  }
  std::string path = resolved;
  ::free(resolved);
  struct stat st;
  if (::stat(path.c_str(), &st) != 0) {
    int error = errno;
    const char* remedy =
        error == ENOTCONN ? "unmount the dead mount with umount -l" : "name a directory that can be reached";
    return refuse(error, std::strerror(error), remedy);
  }
  if (!S_ISDIR(st.st_mode)) return refuse(ENOTDIR, "not a directory", "name a directory");
  return path;
}

Status CheckMountpointFree(const StackConfig& stack, const std::string& mountpoint, const std::string& type,
                           std::string* error_line) {
  std::string top;
  for (const MountLine& line : ReadMountTable()) {
    if (line.point == mountpoint) top = line.type;  // later lines lie on top
  }
  if (top != type && top != "fuse.plyfs") return OkStatus();
  struct stat at, layer;
  if (::stat(mountpoint.c_str(), &at) != 0) return OkStatus();  // dead: mounting will say so
  for (const std::vector<std::string>* paths : {&stack.lowerdirs, &stack.datadirs}) {
    for (const std::string& path : *paths) {
      if (::stat(path.c_str(), &layer) == 0 && layer.st_dev == at.st_dev) return OkStatus();
    }
  }
  *error_line =
      "mountpoint " + Shown(mountpoint) + ": busy, a " + top + " is mounted there; unmount it first";
  return Errno(EBUSY);
}

int MountedFd(const std::string& mountpoint) {
  constexpr std::string_view kPrefix = "/dev/fd/";
  if (!mountpoint.starts_with(kPrefix)) return -1;
  std::optional<uint64_t> fd = ParseNumber(std::string_view(mountpoint).substr(kPrefix.size()), INT_MAX);
  return fd ? static_cast<int>(*fd) : -1;
}

}  // namespace plyfs::tool
