#include "engine/ops/caller_process.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/io/mount_table.h"
#include "engine/io/proc_file.h"

namespace plyfs {
namespace {

// The text after "KEY:" in /proc/PID/status, or nothing.
std::string StatusLine(pid_t pid, std::string_view key) {
  const std::string status = ReadProcFile("/proc/" + std::to_string(pid) + "/status");
  for (std::string_view line : SplitLine(status, '\n')) {
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ':') {
      return std::string(line.substr(key.size() + 1));
    }
  }
  return {};
}

}  // namespace

bool ProcessInGroup(pid_t pid, gid_t gid) {
  std::string groups = StatusLine(pid, "Groups");
  for (const char* at = groups.c_str();;) {
    char* end = nullptr;
    unsigned long group = std::strtoul(at, &end, 10);
    if (end == at) return false;
    if (group == gid) return true;
    at = end;
  }
}

bool MayKeepSetGid(const Caller& caller, gid_t gid) {
  return caller.uid == 0 || caller.gid == gid || ProcessInGroup(caller.pid, gid);
}

bool ProcessHasCapability(pid_t pid, int capability) {
  uint64_t effective = std::strtoull(StatusLine(pid, "CapEff").c_str(), nullptr, 16);
  return (effective >> capability) & 1;
}

}  // namespace plyfs
