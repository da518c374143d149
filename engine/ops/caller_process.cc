#include "engine/ops/caller_process.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

namespace plyfs {
namespace {

// The text after "KEY:" in /proc/PID/status, or nothing.
std::string StatusLine(pid_t pid, const std::string& key) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with(key + ":")) return line.substr(key.size() + 1);
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
