#include "tests/differential/tree_lines.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace plyfs::diff {
namespace {

using Maybe = std::optional<Difference>;

std::string TimeText(const statx_timestamp& t) {
  return std::to_string(t.tv_sec) + "." + std::to_string(t.tv_nsec);
}

std::string NodeText(const Node& node, bool plyfs) {
  if (node.sight.error != 0) return std::string("errno ") + strerrorname_np(node.sight.error);
  const struct statx& s = node.sight.stx;
  char text[256];
  snprintf(text, sizeof text, "mode %o owner %u:%u rdev %u:%u nlink %u", s.stx_mode, s.stx_uid, s.stx_gid,
           s.stx_rdev_major, s.stx_rdev_minor, s.stx_nlink);
  std::string line = text;
  if (!S_ISDIR(s.stx_mode)) line += " size " + std::to_string(s.stx_size);
  line += " mtime " + TimeText(s.stx_mtime) + " ctime " + TimeText(s.stx_ctime);
  if (!node.data.empty()) line += " " + node.data;
  for (const auto& [name, value] : node.xattrs) line += " " + name + "=" + Digest(value);
  if (plyfs && node.d_ino != 0 && node.d_ino != s.stx_ino) line += " listed by another number (D10)";
  return line;
}

Maybe Differ(const std::string& path, const std::string& first, const std::string& second,
             const TreeNames& names) {
  return Difference{names.kind, (path.empty() ? "." : path) + ": " + names.first + " " + first + "; " +
                                    names.second + " " + second};
}

bool RefusedByKernelOnly(const Node& kernel, const Snapshot& ply, const std::string& path) {
  if (kernel.sight.error != ESTALE && kernel.sight.error != ELOOP) return false;
  auto at = ply.find(path);
  return at != ply.end() && at->second.sight.error == 0;
}

}  // namespace

TreeLines LinesOf(const Snapshot& tree) {
  TreeLines lines;
  for (const auto& [path, node] : tree) lines[path] = NodeText(node, /*plyfs=*/true);
  return lines;
}

Maybe CompareLines(const TreeLines& first, const TreeLines& second, const TreeNames& names) {
  for (const auto& [path, line] : first) {
    auto it = second.find(path);
    if (it == second.end()) return Differ(path, line, "absent", names);
    if (it->second != line) return Differ(path, line, it->second, names);
  }
  for (const auto& [path, line] : second) {
    if (!first.contains(path)) return Differ(path, "absent", line, names);
  }
  return std::nullopt;
}

Maybe CompareWithKernel(const Snapshot& ply, const Snapshot& kernel, const TreeNames& names, Masks* masks) {
  TreeLines mine = LinesOf(ply), theirs;
  std::set<std::string> unread;  // that the kernel cannot list to the end
  for (const auto& [path, node] : kernel) {
    if (!ply.contains(path) && masks->GhostListed(&node, nullptr)) continue;
    if (RefusedByKernelOnly(node, ply, path)) {
      masks->ClaimedTwice();
      std::erase_if(mine, [&, below = path + "/"](const auto& entry) {
        return entry.first == path || entry.first.compare(0, below.size(), below) == 0;
      });
      continue;
    }
    Node shown = node;
    if (masks->RefusedEndsListing(path, kernel, ply)) {
      unread.insert(path);
      shown.data = ply.at(path).data;
    }
    if (auto at = ply.find(path); at != ply.end() && masks->DataBeyondSize(node, at->second)) {
      shown.data = at->second.data;
    }
    theirs[path] = NodeText(shown, /*plyfs=*/false);
  }
  for (const auto& [path, node] : ply) {
    if (kernel.contains(path)) continue;
    if (IsBeneath(path, unread) || masks->RefusedNotListed(node)) mine.erase(path);
  }
  return CompareLines(mine, theirs, names);
}

}  // namespace plyfs::diff
