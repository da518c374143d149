#include "tests/differential/upper_check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace plyfs::diff {
namespace {

constexpr size_t kFhHeader = 21;  // X1

bool IsWhiteout(const Node& node) {
  const struct statx& s = node.sight.stx;
  return S_ISCHR(s.stx_mode) && s.stx_rdev_major == 0 && s.stx_rdev_minor == 0;
}

Difference Differ(const std::string& what, const std::string& path, const std::string& a,
                  const std::string& b) {
  return {"upper " + what,
          "in the uppers, " + what + " of " + path + ": first layers " + a + ", second " + b};
}

std::string Shape(const Node& node) {
  const struct statx& s = node.sight.stx;
  if (IsWhiteout(node)) return "whiteout";
  char text[128];
  snprintf(text, sizeof text, "mode %o owner %u:%u rdev %u:%u", s.stx_mode, s.stx_uid, s.stx_gid,
           s.stx_rdev_major, s.stx_rdev_minor);
  std::string shape = text;
  if (S_ISREG(s.stx_mode) || S_ISLNK(s.stx_mode)) shape += " " + node.data;
  if (!S_ISDIR(s.stx_mode)) shape += " nlink " + std::to_string(s.stx_nlink);
  return shape;
}

}  // namespace

UpperCheck::UpperCheck(const Dirs& first, const Dirs& second, bool userxattr, int64_t run_start)
    : prefix_(userxattr ? "user.overlay." : "trusted.overlay."),
      first_(Describe(first)),
      second_(Describe(second)),
      run_start_(run_start) {}

// Xattrs whose value both sides must agree on.
std::string UpperCheck::XattrText(const Node& node) const {
  std::string text;
  for (const auto& [name, value] : node.xattrs) {
    if (name == Record("origin") || name == Record("impure")) continue;
    const bool readable = name == Record("opaque") || name == Record("redirect");
    const bool uuid = name == Record("uuid");
    text += name + "=" + (uuid ? std::to_string(value.size()) : readable ? value : Digest(value)) + " ";
  }
  return text;
}

UpperCheck::Side UpperCheck::Describe(const Dirs& dirs) {
  Side side{&dirs, {}};
  for (size_t i = 0; i < dirs.lowers.size(); ++i) {
    for (const auto& [path, node] : TakeSnapshot(dirs.lowers[i])) {
      side.lower_names.emplace(node.sight.stx.stx_ino, "l" + std::to_string(i) + "/" + path);
    }
  }
  return side;
}

// The lower object that an origin record means, as text that is the same on both sides (X1).
std::string UpperCheck::OriginText(const Side& side, const std::string& value) {
  if (value.size() < kFhHeader) return value.empty() ? "empty" : "malformed";
  const auto byte = [&value](size_t i) { return static_cast<unsigned char>(value[i]); };
  if (byte(0) != 0 || byte(1) != 0xfb || byte(2) != value.size()) return "malformed";
  const size_t size = value.size() - kFhHeader;
  std::vector<char> room(sizeof(file_handle) + size);
  auto* handle = reinterpret_cast<file_handle*>(room.data());
  handle->handle_bytes = static_cast<unsigned>(size);
  handle->handle_type = byte(4);
  memcpy(handle->f_handle, value.data() + kFhHeader, size);
  const int mount = open(side.dirs->base.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int fd = open_by_handle_at(mount, handle, O_PATH | O_CLOEXEC);
  const int error = errno;
  struct stat st = {};
  if (fd >= 0) fstat(fd, &st);
  close(mount);
  if (fd < 0) return std::string("undecodable: ") + strerror(error);
  close(fd);
  auto name = side.lower_names.find(st.st_ino);
  const std::string flags = " flags " + std::to_string(byte(3));
  return name == side.lower_names.end() ? "no lower object" : name->second + flags;
}

std::optional<Difference> UpperCheck::CompareOrigins(const std::string& path, const Node& a,
                                                     const Node& b) const {
  auto at_a = a.xattrs.find(Record("origin")), at_b = b.xattrs.find(Record("origin"));
  const bool has_a = at_a != a.xattrs.end(), has_b = at_b != b.xattrs.end();
  if (has_a != has_b) {
    return Differ("origin", path, has_a ? OriginText(first_, at_a->second) : "none",
                  has_b ? OriginText(second_, at_b->second) : "none");
  }
  if (!has_a) return std::nullopt;
  const std::string text_a = OriginText(first_, at_a->second), text_b = OriginText(second_, at_b->second);
  if (text_a == text_b) return std::nullopt;
  return Differ("origin", path, text_a, text_b);
}

std::optional<Difference> UpperCheck::CompareNodes(const std::string& path, const Node& a,
                                                   const Node& b) const {
  const std::string shape_a = Shape(a), shape_b = Shape(b);
  if (shape_a != shape_b) return Differ("object", path, shape_a, shape_b);
  if (IsWhiteout(a)) return std::nullopt;
  const std::string xattrs_a = XattrText(a), xattrs_b = XattrText(b);
  if (xattrs_a != xattrs_b) return Differ("xattrs", path, xattrs_a, xattrs_b);
  const statx_timestamp &m_a = a.sight.stx.stx_mtime, &m_b = b.sight.stx.stx_mtime;
  const bool of_the_run = m_a.tv_sec >= run_start_ && m_b.tv_sec >= run_start_;
  if (!of_the_run && (m_a.tv_sec != m_b.tv_sec || m_a.tv_nsec != m_b.tv_nsec)) {
    return Differ("mtime", path, std::to_string(m_a.tv_sec), std::to_string(m_b.tv_sec));
  }
  return std::nullopt;
}

// Whether an object with an origin that means something lies in the directory.
bool UpperCheck::HoldsCopy(const Side& side, const Snapshot& tree, const std::string& dir) const {
  const std::string prefix = dir.empty() ? "" : dir + "/";
  for (auto at = tree.lower_bound(prefix); at != tree.end(); ++at) {
    const std::string& path = at->first;
    if (path.compare(0, prefix.size(), prefix) != 0) return false;
    if (path.size() == prefix.size() || path.find('/', prefix.size()) != std::string::npos) continue;
    const auto& xattrs = at->second.xattrs;
    auto origin = xattrs.find(Record("origin"));
    if (origin == xattrs.end() || xattrs.count(Record("opaque")) != 0) continue;
    if (OriginText(side, origin->second)[0] == 'l') return true;
  }
  return false;
}

// The least that must be marked: a directory in which a copy lies (C2, N17, R18).  Which others are is
// nobody's business (D11, Z2).  Where such a directory was made by hand neither side need mark it, so the one
// is asked for what the other has.
std::optional<Difference> UpperCheck::CompareImpure(const Snapshot& a, const Snapshot& b) const {
  for (const auto& [path, node] : a) {
    auto other = b.find(path);
    const bool marked = node.xattrs.count(Record("impure")) != 0;
    if (other == b.end() || marked == (other->second.xattrs.count(Record("impure")) != 0)) continue;
    if (!(marked ? HoldsCopy(second_, b, path) : HoldsCopy(first_, a, path))) continue;
    return Differ("impure mark", path, marked ? "marked" : "none", marked ? "none" : "marked");
  }
  return std::nullopt;
}

// M14, M15: nothing but whiteouts named "#..." may stay in W/work, and nothing below a second level.
std::optional<Difference> UpperCheck::CheckWork(const Dirs& dirs) {
  for (const auto& [path, node] : TakeSnapshot(dirs.work)) {
    if (path.empty() || path == "work") continue;
    if (path.compare(0, 6, "work/#") == 0 && IsWhiteout(node)) continue;
    return Difference{"workdir", "left in the workdir of " + dirs.base + ": " + path};
  }
  return std::nullopt;
}

std::optional<Difference> UpperCheck::Compare(const std::set<std::string>& refused) const {
  if (auto d = CheckWork(*first_.dirs)) return d;
  if (auto d = CheckWork(*second_.dirs)) return d;
  const Snapshot a = TakeSnapshot(first_.dirs->upper), b = TakeSnapshot(second_.dirs->upper);
  for (const auto& [path, node] : a) {
    auto other = b.find(path);
    if (other == b.end()) return Differ("name", path, Shape(node), "absent");
    if (auto d = CompareNodes(path, node, other->second)) return d;
    if (IsWhiteout(node) || refused.contains(path)) continue;
    if (auto d = CompareOrigins(path, node, other->second)) return d;
  }
  for (const auto& [path, node] : b) {
    if (a.count(path) == 0) return Differ("name", path, "absent", Shape(node));
  }
  return CompareImpure(a, b);
}

}  // namespace plyfs::diff
