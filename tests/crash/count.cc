#include "tests/crash/count.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string_view>

#include "tests/crash/disk.h"
#include "tests/crash/mounted_case.h"

namespace plyfs::crash {
namespace {

namespace fs = std::filesystem;
using Counts = std::map<std::string, uint64_t>;

// System calls that change what is on disk, and what engine/io calls them.  Those with a number are younger
// than strace.
const std::map<std::string, std::string>& Kinds() {
  static const std::map<std::string, std::string> kinds = {
      {"mkdirat", "mkdir"},
      {"mkdir", "mkdir"},
      {"mknodat", "mknod"},
      {"mknod", "mknod"},
      {"symlinkat", "symlink"},
      {"symlink", "symlink"},
      {"linkat", "link"},
      {"link", "link"},
      {"unlinkat", "unlink"},
      {"unlink", "unlink"},
      {"rmdir", "unlink"},
      {"rename", "rename"},
      {"renameat", "rename"},
      {"renameat2", "rename"},
      {"setxattr", "setxattr"},
      {"lsetxattr", "setxattr"},
      {"fsetxattr", "setxattr"},
      {"setxattrat", "setxattr"},
      {"syscall_0x1cf", "setxattr"},
      {"removexattr", "removexattr"},
      {"lremovexattr", "removexattr"},
      {"fremovexattr", "removexattr"},
      {"removexattrat", "removexattr"},
      {"syscall_0x1d2", "removexattr"},
      {"pwrite64", "write"},
      {"write", "write"},
      {"writev", "write"},
      {"pwritev", "write"},
      {"pwritev2", "write"},
      {"truncate", "truncate"},
      {"ftruncate", "truncate"},
      {"fallocate", "fallocate"},
      {"fsync", "fsync"},
      {"fdatasync", "fsync"},
      {"syncfs", "syncfs"},
      {"copy_file_range", "copy_file_range"},
      {"sendfile", "copy_file_range"},
      {"chown", "chown"},
      {"lchown", "chown"},
      {"fchown", "chown"},
      {"fchownat", "chown"},
      {"chmod", "chmod"},
      {"fchmod", "chmod"},
      {"fchmodat", "chmod"},
      {"fchmodat2", "chmod"},
      {"syscall_0x1c4", "chmod"},
      {"utimensat", "utimens"},
      {"futimesat", "utimens"},
      {"open", "create"},
      {"openat", "create"},
      {"openat2", "create"},
      {"creat", "create"},
      {"ioctl", ""},
  };
  return kinds;
}

std::string IoctlKind(const std::string& line) {
  if (line.find("FICLONE") != line.npos || line.find("BTRFS_IOC_CLONE") != line.npos) return "clone";
  for (const char* request : {"FS_IOC_SETFLAGS", "FS_IOC_FSSETXATTR", "SETFLAGS", "FSSETXATTR"}) {
    if (line.find(request) != line.npos) return "setflags";
  }
  return "";
}

bool Creates(const std::string& line) {
  if (line.find(".profraw\"") != line.npos) return false;  // what a coverage build counts in
  return line.find("O_CREAT") != line.npos || line.find("O_TMPFILE") != line.npos ||
         line.find("O_TRUNC") != line.npos;
}

// What is written to pipes, to the connection, by the keeper to end it, or to the log is no change of a
// layer.  The layers' own paths do not start at the root: they are opened beneath clones of mounts.
bool IsElsewhere(const std::string& line, size_t paren, const std::string& root) {
  const size_t less = line.find('<', paren);
  if (less == line.npos) return true;
  const std::string log = root + "/log>";
  for (const char* start : {"pipe:", "socket:", "anon_inode:", "/dev/fuse", "/dev/null", log.c_str()}) {
    if (line.compare(less + 1, strlen(start), start) == 0) return true;
  }
  constexpr std::string_view kAbort = "/abort>";
  const size_t greater = line.find('>', less);
  return greater != line.npos && std::string_view(line).substr(0, greater + 1).ends_with(kAbort);
}

Counts CountLog(const std::string& log) {
  Counts counts;
  for (const Change& change : ReadLog(log)) counts[change.op] += change.made;
  return counts;
}

Counts CountStrace(const std::string& folder, const std::string& root) {
  Counts counts;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) {
      if (std::string kind = ChangeInStrace(line, root); !kind.empty()) ++counts[kind];
    }
  }
  return counts;
}

uint64_t Sum(const Counts& counts) {
  uint64_t sum = 0;
  for (const auto& entry : counts) sum += entry.second;
  return sum;
}

std::string Parted(Counts log, Counts strace) {
  for (const auto& entry : log) strace[entry.first];
  for (const auto& [kind, seen] : strace) {
    if (log[kind] != seen) {
      return kind + ": engine/io counted " + std::to_string(log[kind]) + ", strace " + std::to_string(seen);
    }
  }
  return "";
}

// A program that runs plyfs under strace, a file a thread in `folder`.
std::string WriteTracer(const std::string& base, const std::string& folder, const std::string& program) {
  const std::string path = base + "/traced";
  std::ofstream(path) << "#!/bin/sh\nexec timeout 120 strace -ff -qq -y -s 8 -o " << folder << "/t "
                      << program << " \"$@\"\n";
  chmod(path.c_str(), 0755);
  return path;
}

}  // namespace

std::string ChangeInStrace(const std::string& line, const std::string& root) {
  const size_t paren = line.find('(');
  const size_t equals = line.rfind(" = ");
  if (paren == line.npos || equals == line.npos || line.compare(equals, 4, " = -") == 0) return "";
  auto kind = Kinds().find(line.substr(0, paren));
  if (kind == Kinds().end()) return "";
  if (kind->first == "ioctl") return IoctlKind(line);
  if (kind->second == "create" && !Creates(line)) return "";
  if (kind->second == "write" && IsElsewhere(line, paren, root)) return "";
  return kind->second;
}

Tally RunCount(const std::vector<Case>& script, const Options& options) {
  std::string error;
  std::unique_ptr<Disk> disk = Disk::Make("ext4", &error);
  std::string base = "/dev/shm/plyfs-count-XXXXXX";
  if (disk == nullptr || mkdtemp(base.data()) == nullptr) {
    fprintf(stderr, "plyfs_crash: %s\n", error.c_str());
    return {1, 1};
  }
  Tally all;
  Counts log_sum, strace_sum;
  for (size_t i = 0; i < script.size(); ++i) {
    const Case& c = script[i];
    if (c.name.find(options.only) == std::string::npos) continue;
    if (options.quick && (options.seed + i) % 8 != 0) continue;
    ++all.points;
    const std::string folder = base + "/" + std::to_string(i);
    mkdir(folder.c_str(), 0755);
    MountedCase mounted(c, disk->root(), WriteTracer(base, folder, options.program));
    disk->Renew();
    std::string wrong = mounted.Mount("change=log");
    if (wrong.empty()) wrong = mounted.Prepare();
    for (const Act& act : c.acts) {
      if (wrong.empty() && mounted.Do(act) != 0) wrong = ActText(act) + " failed";
    }
    if (std::string why = mounted.Unmount(); wrong.empty()) wrong = why;
    const Counts log = CountLog(mounted.log_path()), strace = CountStrace(folder, disk->root());
    if (wrong.empty()) wrong = Parted(log, strace);
    for (const auto& [kind, count] : log) log_sum[kind] += count;
    for (const auto& [kind, count] : strace) strace_sum[kind] += count;
    if (!wrong.empty()) {
      ++all.failed;
      printf("FAILED  count %s: %s\n", c.name.c_str(), wrong.c_str());
    }
    fs::remove_all(folder);
  }
  fs::remove_all(base);
  printf("count   changes made in the script: engine/io %lu, strace %lu\n", Sum(log_sum), Sum(strace_sum));
  for (const auto& [kind, count] : log_sum)
    printf("count     %-16s %5lu %5lu\n", kind.c_str(), count, strace_sum[kind]);
  return all;
}

}  // namespace plyfs::crash
