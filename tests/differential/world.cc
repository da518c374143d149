#include "tests/differential/world.h"

#include <sys/stat.h>

#include <cstdio>
#include <map>

#include "tests/differential/dice.h"

namespace plyfs::diff {
namespace {

constexpr int kMaxDepth = 4;
constexpr int64_t kOldTime = 1000000000;  // 2001: told from times of the run at a glance

void AppendLittle(std::string* out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i, value >>= 8) out->push_back(static_cast<char>(value));
}

std::string Join(const std::string& dir, const std::string& name) {
  return dir.empty() ? name : dir + "/" + name;
}

// Makes one layer after the other, bottom up, since redirects point into what lies below.
class Maker {
 public:
  explicit Maker(const WorldPlan& plan) : dice_(plan.seed * 2 + 1), lowers_(plan.lowers) {}

  std::vector<Entry> Make() {
    for (int layer = lowers_ - 1; layer >= kUpperLayer; --layer) MakeLayer(layer);
    return std::move(entries_);
  }

 private:
  void MakeLayer(int layer);
  void FillDir(const std::string& dir, int depth);
  EntryKind PickKind(const std::string& path, int depth);
  void Decorate(Entry* entry);
  void DecorateDir(Entry* entry);
  void DecorateFile(Entry* entry);
  void AddXattrs(Entry* entry);
  void AddRedirect();
  Entry& Add(EntryKind kind, const std::string& path);

  Dice dice_;
  int lowers_;
  int layer_ = 0;
  std::vector<Entry> entries_;
  std::map<std::string, EntryKind> here_;  // of the layer being made
  std::vector<std::string> files_here_;    // link targets
  std::vector<std::string> dirs_below_;    // of all layers made before
  bool in_x_dir_ = false;
};

Entry& Maker::Add(EntryKind kind, const std::string& path) {
  Entry entry;
  entry.layer = layer_;
  entry.kind = kind;
  entry.path = path;
  here_[path] = kind;
  entries_.push_back(entry);
  return entries_.back();
}

void Maker::MakeLayer(int layer) {
  layer_ = layer;
  here_.clear();
  files_here_.clear();
  Entry& root = Add(EntryKind::kDir, "");
  root.mode = dice_.Chance(80) ? 0755 : 01777;
  root.mtime = root.atime = kOldTime + static_cast<int64_t>(dice_.Below(1000000));
  if (dice_.Chance(20)) root.xattrs.emplace_back("user.root", std::to_string(layer));
  FillDir("", 1);
  if (layer != lowers_ - 1 && dice_.Chance(50)) AddRedirect();
  for (const auto& [path, kind] : here_) {
    if (kind == EntryKind::kDir && !path.empty()) dirs_below_.push_back(path);
  }
}

void Maker::FillDir(const std::string& dir, int depth) {
  const bool x_dir = in_x_dir_;
  for (const std::string& name : Alphabet()) {
    if (!dice_.Chance(depth == 1 ? 55 : 35)) continue;
    std::string path = Join(dir, name);
    Entry& entry = Add(PickKind(path, depth), path);
    if (x_dir && dice_.Chance(40)) {  // X5
      entry.kind = here_[path] = EntryKind::kFile;
      entry.xattrs.emplace_back("trusted.overlay.whiteout", "y");
      continue;
    }
    Decorate(&entry);
    if (entry.kind != EntryKind::kDir) continue;
    in_x_dir_ = !entry.xattrs.empty() && entry.xattrs[0].second == "x";
    FillDir(path, depth + 1);
    in_x_dir_ = false;
  }
}

// Most layers agree on what a name is, so that directories merge; some do not.
EntryKind Maker::PickKind(const std::string& path, int depth) {
  const size_t last = path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1;
  const bool dir_name = path[last] <= 'c';
  if (dice_.Chance(70)) return dir_name && depth < kMaxDepth ? EntryKind::kDir : EntryKind::kFile;
  static const std::vector<EntryKind> kinds = {
      EntryKind::kFile,     EntryKind::kDir,      EntryKind::kSymlink, EntryKind::kSymlink, EntryKind::kLink,
      EntryKind::kLink,     EntryKind::kFifo,     EntryKind::kSocket,  EntryKind::kChar,    EntryKind::kBlock,
      EntryKind::kWhiteout, EntryKind::kWhiteout, EntryKind::kWhiteout};
  EntryKind kind = dice_.Pick(kinds);
  if (kind == EntryKind::kDir && depth >= kMaxDepth) return EntryKind::kFile;
  if (kind == EntryKind::kLink && files_here_.empty()) return EntryKind::kFile;
  return kind;
}

void Maker::Decorate(Entry* entry) {
  static const std::vector<uid_t> owners = {0, 0, 1000, 1000, 1001};
  static const std::vector<std::string> targets = {"a",   "b",   "d",       "../d",
                                                   "a/d", "e/f", "missing", "/plyfs-none/x"};
  entry->uid = dice_.Pick(owners);
  entry->gid = dice_.Pick(owners);
  entry->mtime = kOldTime + static_cast<int64_t>(dice_.Below(500000000));
  // Often older than mtime, so that relatime would move it (C21).
  entry->atime = kOldTime + static_cast<int64_t>(dice_.Below(500000000));
  switch (entry->kind) {
    case EntryKind::kDir:
      return DecorateDir(entry);
    case EntryKind::kFile:
      return DecorateFile(entry);
    case EntryKind::kSymlink:
      entry->target = dice_.Pick(targets);
      return;
    case EntryKind::kLink:
      entry->target = dice_.Pick(files_here_);
      return;
    case EntryKind::kChar:  // 1:3 is /dev/null; 240:5 nobody's
      entry->major = dice_.Chance(50) ? 1 : 240;
      entry->minor = entry->major == 1 ? 3 : 5;
      return;
    case EntryKind::kBlock:
      entry->minor = dice_.Chance(50) ? 0 : 7;  // 0/0 is a whiteout only as a character device (L4)
      return;
    default:
      return;
  }
}

void Maker::DecorateDir(Entry* entry) {
  static const std::vector<mode_t> modes = {0755, 0755, 0775, 0700, 01777, 02775, 0777};
  entry->mode = dice_.Pick(modes);
  if (dice_.Chance(15)) {
    entry->xattrs.emplace_back("trusted.overlay.opaque", "y");
  } else if (layer_ != kUpperLayer && dice_.Chance(8)) {
    entry->xattrs.emplace_back("trusted.overlay.opaque", "x");
  }
  if (dice_.Chance(10)) {
    entry->xattrs.emplace_back("system.posix_acl_default", AclValue(0750, 1001, 7));
  }
  AddXattrs(entry);
}

void Maker::DecorateFile(Entry* entry) {
  static const std::vector<mode_t> modes = {0644, 0644, 0664, 0600, 04755, 02755, 06777, 0444, 0666};
  static const std::vector<size_t> sizes = {0, 1, 10, 100, 4095, 4096, 4097, 10000, 70000};
  entry->mode = dice_.Pick(modes);
  entry->content = dice_.Next();
  entry->size = dice_.Pick(sizes);
  entry->sparse = dice_.Chance(10);
  if (entry->sparse) entry->size = 300000 + dice_.Below(1500000);
  if (dice_.Chance(10)) entry->xattrs.emplace_back("system.posix_acl_access", AclValue(0640, 1001, 6));
  if (dice_.Chance(10)) entry->xattrs.emplace_back("security.capability", CapabilityValue(1 + entry->size));
  AddXattrs(entry);
  files_here_.push_back(entry->path);
}

void Maker::AddXattrs(Entry* entry) {
  const uint64_t content = dice_.Next();
  if (dice_.Chance(20)) entry->xattrs.emplace_back("user.u1", Pattern(content, dice_.Below(40)));
  if (dice_.Chance(10)) entry->xattrs.emplace_back("trusted.t1", "t");
  if (dice_.Chance(5)) entry->xattrs.emplace_back("trusted.overlay.overlay.esc", "e");  // A6
  if (dice_.Chance(5)) entry->xattrs.emplace_back("user.overlay.plain", "data");
}

// As a rename through a mount of the layers below would have left it (R9, R16): the old name whited out here,
// so that no directory below is reached by two names (L14).  At most one a layer for the same reason.
void Maker::AddRedirect() {
  if (dirs_below_.empty()) return;
  const std::string from = dice_.Pick(dirs_below_);
  const size_t slash = from.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : from.substr(0, slash);
  auto parent_here = here_.find(parent);
  if (parent_here == here_.end() || parent_here->second != EntryKind::kDir || here_.count(from) != 0) return;
  const bool relative = dice_.Chance(50);
  std::string to;
  for (const std::string& name : Alphabet()) {
    std::string candidate = relative ? Join(parent, name) : name;
    if (here_.count(candidate) == 0 && candidate != from) to = candidate;
  }
  if (to.empty() || to.compare(0, from.size() + 1, from + "/") == 0) return;
  Add(EntryKind::kWhiteout, from);
  Entry& dir = Add(EntryKind::kDir, to);
  Decorate(&dir);
  dir.with_previous = true;
  dir.xattrs.emplace_back("trusted.overlay.redirect",
                          relative ? from.substr(slash == std::string::npos ? 0 : slash + 1) : "/" + from);
}

}  // namespace

const std::vector<std::string>& Alphabet() {
  static const std::vector<std::string> names = {"a", "b", "c", "d", "e", "f"};
  return names;
}

std::string AclValue(mode_t mode, uid_t uid, unsigned perm) {
  struct {
    unsigned tag, perm;
    uint32_t id;
  } const entries[] = {{0x01, mode >> 6 & 7u, ~0u},           // owner
                       {0x02, perm, uid},                     // the named user
                       {0x04, mode >> 3 & 7u, ~0u},           // owning group
                       {0x10, (mode >> 3 & 7u) | perm, ~0u},  // mask
                       {0x20, mode & 7u, ~0u}};               // others
  std::string value;
  AppendLittle(&value, 2, 4);
  for (const auto& e : entries) {
    AppendLittle(&value, e.tag, 2);
    AppendLittle(&value, e.perm, 2);
    AppendLittle(&value, e.id, 4);
  }
  return value;
}

std::string CapabilityValue(uint32_t permitted) {
  std::string value;
  AppendLittle(&value, 0x02000001, 4);  // version 2, effective
  AppendLittle(&value, permitted & 0x3fff, 4);
  AppendLittle(&value, 0, 12);
  return value;
}

World MakeWorld(const WorldPlan& plan) {
  World world{plan, Maker(plan).Make()};
  if (plan.hostile) AddHostile(&world);
  return world;
}

std::string Describe(const Entry& e) {
  static const char* const kinds[] = {"file",   "dir", "symlink", "link",    "fifo",
                                      "socket", "chr", "blk",     "whiteout"};
  char line[512];
  std::snprintf(line, sizeof line, "%s/%s: %s mode=%04o owner=%u:%u",
                e.layer == kUpperLayer ? "upper" : ("lower" + std::to_string(e.layer)).c_str(),
                e.path.c_str(), kinds[static_cast<int>(e.kind)], e.mode, e.uid, e.gid);
  std::string out = line;
  if (!e.target.empty()) out += " -> " + e.target;
  if (e.size != 0) out += " size=" + std::to_string(e.size) + (e.sparse ? " sparse" : "");
  if (e.major != 0 || e.minor != 0) out += " dev=" + std::to_string(e.major) + ":" + std::to_string(e.minor);
  for (const auto& [name, value] : e.xattrs) {
    const bool text = name.find("overlay") != std::string::npos;
    out += " " + name + (text ? "=" + value : "");
  }
  return out;
}

}  // namespace plyfs::diff
