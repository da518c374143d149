#include "tests/crash/state.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/crash/world.h"

namespace plyfs::crash {
namespace {

Line LineOf(const diff::Node& node) {
  if (node.sight.error != 0) return {std::string("errno ") + strerrorname_np(node.sight.error), ""};
  const struct statx& s = node.sight.stx;
  char text[128];
  snprintf(text, sizeof text, "%o %u:%u dev %u:%u", s.stx_mode, s.stx_uid, s.stx_gid, s.stx_rdev_major,
           s.stx_rdev_minor);
  Line line{text, ""};
  if (!S_ISDIR(s.stx_mode)) line.what += " links " + std::to_string(s.stx_nlink);
  if (S_ISDIR(s.stx_mode) || S_ISLNK(s.stx_mode)) line.what += " " + node.data;
  if (node.d_type != 0 && node.d_type != (s.stx_mode & S_IFMT) >> 12) line.what += " listed as another type";
  for (const auto& [name, value] : node.xattrs) line.what += " " + name + "=" + diff::Digest(value);
  if (!S_ISREG(s.stx_mode)) return line;
  const int64_t seconds = s.stx_mtime.tv_sec;
  const std::string time = seconds > kOldTime + 1 ? "now" : std::to_string(seconds);
  line.data = "size " + std::to_string(s.stx_size) + " mtime " + time + " " + node.data;
  return line;
}

std::string TextOf(const State& state, const std::string& path) {
  auto at = state.find(path);
  return at == state.end() ? "absent" : at->second.what + " " + at->second.data;
}

}  // namespace

State StateOf(const diff::Snapshot& tree) {
  State state;
  for (const auto& [path, node] : tree) {
    if (!path.empty()) state[path] = LineOf(node);
  }
  return state;
}

std::string DifferenceOf(const State& expected, const State& found) {
  if (expected == found) return "";
  for (const auto* side : {&expected, &found}) {
    for (const auto& entry : *side) {
      const std::string& path = entry.first;
      const std::string want = TextOf(expected, path), got = TextOf(found, path);
      if (want != got) return path + ": expected " + want + "; found " + got;
    }
  }
  return "";
}

void ForgiveChangedData(const State& before, const State& after, const State& expected, State* found) {
  for (auto& [path, line] : *found) {
    auto old = before.find(path), now = after.find(path), want = expected.find(path);
    if (old == before.end() || now == after.end() || want == expected.end()) continue;
    if (old->second == now->second) continue;
    if (line.what == old->second.what || line.what == now->second.what) line = want->second;
  }
}

}  // namespace plyfs::crash
