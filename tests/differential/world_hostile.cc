// The hostile half of world.h: records that no mount would write, things that look like records, and shapes
// that are only found in layers made by hand (semantics L7, L11, L13, L16-L22, X5, O1).
//
// Added to an ordinary world, by dice of their own: what the ordinary world is does not change.  No two
// directories are led to one lower directory (L14), since the kernel then answers by what was asked first.
#include <map>

#include "tests/differential/dice.h"
#include "tests/differential/world.h"

namespace plyfs::diff {
namespace {

constexpr char kOpaque[] = "trusted.overlay.opaque";
constexpr char kRedirect[] = "trusted.overlay.redirect";
constexpr char kMetacopy[] = "trusted.overlay.metacopy";
constexpr char kWhiteout[] = "trusted.overlay.whiteout";
constexpr char kOrigin[] = "trusted.overlay.origin";

std::string Bytes(std::initializer_list<unsigned char> bytes) {
  return std::string(bytes.begin(), bytes.end());
}

class HostileMaker {
 public:
  explicit HostileMaker(World* world) : world_(*world), dice_(world->plan.seed * 2 + 7777) {
    for (const Entry& entry : world_.entries) names_[entry.layer][entry.path] = entry.kind;
  }

  void Make();

 private:
  void MakeOne();
  Entry& Add(int layer, EntryKind kind, const std::string& path);
  std::string FreePath(int layer);
  std::string FreeEverywhere(const std::string& stem);
  std::string NoDirectory();
  void OpaqueGarbage(int layer);
  void HostileRedirect(int layer);
  void Metacopy(int layer);
  void XattrWhiteout(int layer);
  void WhiteoutDirectory(int layer);
  void OriginGarbage(int layer);
  void OtherGarbage(int layer);
  void DressedWhiteout(int layer);
  void OddName(int layer);
  void OtherFamily(int layer);
  void OtherTools(int layer);
  void OverEachOther();
  void Chains();
  void UpperRoot();

  World& world_;
  Dice dice_;
  std::map<int, std::map<std::string, EntryKind>> names_;  // by layer
  int stems_ = 0;
};

Entry& HostileMaker::Add(int layer, EntryKind kind, const std::string& path) {
  Entry entry;
  entry.layer = layer;
  entry.kind = kind;
  entry.path = path;
  entry.mode = kind == EntryKind::kDir ? 0755 : 0644;
  entry.uid = entry.gid = dice_.Chance(50) ? 0 : 1000;
  entry.content = dice_.Next();
  entry.atime = entry.mtime = 1000000000 + static_cast<int64_t>(dice_.Below(1000000));
  names_[layer][path] = kind;
  world_.entries.push_back(entry);
  return world_.entries.back();
}

// A name that the layer has not, in a directory that it has; mostly one that other layers have.
std::string HostileMaker::FreePath(int layer) {
  std::vector<std::string> dirs;
  for (const auto& [path, kind] : names_[layer]) {
    if (kind == EntryKind::kDir) dirs.push_back(path);
  }
  for (int tries = 0; tries < 20; ++tries) {
    const std::string dir = dice_.Chance(40) ? "" : dice_.Pick(dirs);
    const std::string path = (dir.empty() ? "" : dir + "/") + dice_.Pick(Alphabet());
    if (!names_[layer].contains(path)) return path;
  }
  return "h" + std::to_string(++stems_);
}

std::string HostileMaker::FreeEverywhere(const std::string& stem) {
  return stem + std::to_string(++stems_);
}

// The path of something that is a directory in no layer.
std::string HostileMaker::NoDirectory() {
  for (int tries = 0; tries < 20; ++tries) {
    const std::string& path = dice_.Pick(world_.entries).path;
    bool dir = path.empty();
    for (const auto& [layer, names] : names_) {
      auto it = names.find(path);
      dir |= it != names.end() && it->second == EntryKind::kDir;
    }
    if (!dir) return path;
  }
  return "missing";
}

// None of them means anything: exactly one byte `y` or `x` does.
void HostileMaker::OpaqueGarbage(int layer) {
  static const std::vector<std::string> values = {"Y", "yy", "", "n", std::string("y\0", 2), "xy", "1"};
  const std::string path = FreePath(layer);
  Add(layer, EntryKind::kDir, path).xattrs.emplace_back(kOpaque, dice_.Pick(values));
  Add(layer, EntryKind::kFile, path + "/d").size = 10;
}

void HostileMaker::HostileRedirect(int layer) {
  const std::vector<std::string> values = {"",
                                           "/",
                                           "//a",
                                           "/a//b",
                                           "/a/",
                                           "a/b",
                                           "/..",
                                           "/a/../b",
                                           "..",
                                           ".",
                                           "/.",
                                           "/a/.",
                                           "missing",
                                           "/missing",
                                           "/missing/x",
                                           "/" + std::string(256, 'c'),
                                           std::string(256, 'c'),
                                           "/" + std::string(200, 'c') + "/" + std::string(200, 'c'),
                                           std::string("missing\0/..", 11),
                                           std::string("\0a", 2),
                                           "/" + NoDirectory(),
                                           "/" + NoDirectory() + "/x"};
  const std::string path = FreePath(layer);
  Entry& dir = Add(layer, EntryKind::kDir, path);
  dir.xattrs.emplace_back(kRedirect, dice_.Pick(values));
  if (dice_.Chance(20)) dir.xattrs.emplace_back(kOpaque, "y");  // which wins (L10)
  Add(layer, EntryKind::kFile, path + "/d").size = 10;
}

void HostileMaker::Metacopy(int layer) {
  static const std::vector<std::string> values = {"", "", "junk", Bytes({0, 4, 0, 0}), std::string(300, 'm')};
  static const std::vector<size_t> sizes = {0, 100, 5000};
  Entry& file = Add(layer, EntryKind::kFile, FreePath(layer));
  file.size = dice_.Pick(sizes);
  file.xattrs.emplace_back(kMetacopy, dice_.Pick(values));
  const std::vector<std::string> targets = {"missing", "/missing", "/" + NoDirectory(), "/..", "/a/../d"};
  if (dice_.Chance(40)) file.xattrs.emplace_back(kRedirect, dice_.Pick(targets));
}

void HostileMaker::XattrWhiteout(int layer) {
  static const std::vector<std::string> values = {"", "y", "junk"};
  Entry& file = Add(layer, EntryKind::kFile, FreePath(layer));
  // Only an empty one is a whiteout; one in upper that is emptied becomes one, which each side sees when it
  // next looks.
  file.size = layer != kUpperLayer && dice_.Chance(25) ? 5 : 0;
  file.xattrs.emplace_back(kWhiteout, dice_.Pick(values));
}

void HostileMaker::WhiteoutDirectory(int layer) {
  const std::string path = FreePath(layer);
  Add(layer, EntryKind::kDir, path).xattrs.emplace_back(kOpaque, "x");
  for (const std::string& name : Alphabet()) {
    if (!dice_.Chance(60)) continue;
    Entry& file = Add(layer, EntryKind::kFile, path + "/" + name);
    file.size = layer != kUpperLayer && dice_.Chance(15) ? 5 : 0;  // as XattrWhiteout
    if (dice_.Chance(75)) file.xattrs.emplace_back(kWhiteout, "");
  }
}

void HostileMaker::OriginGarbage(int layer) {
  const std::string uuid(16, '\x5a');
  const std::vector<std::string> values = {
      "",
      "junk",
      std::string(300, 'o'),
      Bytes({0, 0xfb, 29, 0, 1}),                                    // shorter than it says
      Bytes({0, 0xfa, 29, 0, 1}) + uuid + std::string(8, '\1'),      // magic
      Bytes({1, 0xfb, 29, 0, 1}) + uuid + std::string(8, '\1'),      // a newer version
      Bytes({0, 0xfb, 29, 0x80, 1}) + uuid + std::string(8, '\1'),   // unknown flags
      Bytes({0, 0xfb, 29, 1, 1}) + uuid + std::string(8, '\1'),      // of another endianness
      Bytes({0, 0xfb, 29, 0, 1}) + uuid + std::string(8, '\1'),      // of another filesystem
      Bytes({0, 0xfb, 29, 0, 0xff}) + uuid + std::string(8, '\1')};  // no handle at all
  static const std::vector<EntryKind> kinds = {EntryKind::kFile, EntryKind::kFile, EntryKind::kDir,
                                               EntryKind::kSymlink, EntryKind::kFifo};
  Entry& entry = Add(layer, dice_.Pick(kinds), FreePath(layer));
  if (entry.kind == EntryKind::kSymlink) entry.target = "d";
  if (entry.kind == EntryKind::kDir) entry.mode = 0755;
  entry.xattrs.emplace_back(kOrigin, dice_.Pick(values));
}

void HostileMaker::OtherGarbage(int layer) {
  static const std::vector<std::pair<std::string, std::string>> records = {
      {"nlink", ""},
      {"nlink", "U"},
      {"nlink", "X+1"},
      {"nlink", "L-99999999999999999999"},
      {"nlink", "U+1"},
      {"protattr", ""},
      {"protattr", "z"},
      {"protattr", std::string(40, 'a')},
      {"impure", "junk"},
      {"impure", ""},
      {"upper", "junk"},
      {"uuid", "junk"},
      {"uuid", std::string(16, 'u')},
      {"unknown", "x"}};
  const EntryKind kind = dice_.Chance(60) ? EntryKind::kFile : EntryKind::kDir;
  Entry& entry = Add(layer, kind, FreePath(layer));
  for (uint64_t n = 1 + dice_.Below(3); n > 0; --n) {
    const auto& [name, value] = dice_.Pick(records);
    bool there = false;
    for (const auto& xattr : entry.xattrs) there |= xattr.first == "trusted.overlay." + name;
    if (!there) entry.xattrs.emplace_back("trusted.overlay." + name, value);
  }
}

// Any mode, owner, xattrs and link count (section 2).
void HostileMaker::DressedWhiteout(int layer) {
  const std::string path = FreePath(layer);
  Entry& whiteout = Add(layer, EntryKind::kChar, path);
  whiteout.major = whiteout.minor = 0;
  whiteout.mode = dice_.Chance(50) ? 0777 : 04600;
  whiteout.xattrs.emplace_back("trusted.t1", "t");
  if (dice_.Chance(50)) whiteout.xattrs.emplace_back(kOpaque, "y");
  if (dice_.Chance(50)) Add(layer, EntryKind::kLink, FreePath(layer)).target = path;
}

void HostileMaker::OddName(int layer) {
  static const std::vector<std::string> names = {std::string(255, 'L'), "\xff\xfe\x80", "new\nline", " ",
                                                 "\xc3\x28"};
  const std::string path = FreePath(layer);
  const std::string name = dice_.Pick(names);
  const bool dir = dice_.Chance(40);
  const size_t slash = path.rfind('/');
  const std::string odd = (slash == std::string::npos ? "" : path.substr(0, slash + 1)) + name;
  if (names_[layer].contains(odd)) return;
  Add(layer, dir ? EntryKind::kDir : EntryKind::kFile, odd);
  if (dir) Add(layer, EntryKind::kFile, odd + "/" + name).size = 3;
}

// Records of the family that this mount does not read are data (A6).
void HostileMaker::OtherFamily(int layer) {
  static const std::vector<std::pair<std::string, std::string>> records = {
      {"opaque", "y"},  {"redirect", "/a"}, {"redirect", ""},
      {"metacopy", ""}, {"whiteout", ""},   {"origin", "x"}};
  const EntryKind kind = dice_.Chance(50) ? EntryKind::kFile : EntryKind::kDir;
  Entry& entry = Add(layer, kind, FreePath(layer));
  const auto& [name, value] = dice_.Pick(records);
  entry.xattrs.emplace_back("user.overlay." + name, value);
}

void HostileMaker::OtherTools(int layer) {
  static const std::vector<std::string> names = {".wh.a", ".wh.d", ".wh..wh..opq", ".wh..opq"};
  const std::string path = FreePath(layer);
  const size_t slash = path.rfind('/');
  const std::string at = (slash == std::string::npos ? "" : path.substr(0, slash + 1)) + dice_.Pick(names);
  if (names_[layer].contains(at)) return;
  Entry& file = Add(layer, EntryKind::kFile, at);
  if (dice_.Chance(50)) file.xattrs.emplace_back("user.fuseoverlayfs.opaque", "y");
}

// Directory, file or whiteout, directory: the merge ends at the first that is none (L7).
void HostileMaker::OverEachOther() {
  static const std::vector<EntryKind> kinds = {EntryKind::kFile, EntryKind::kWhiteout, EntryKind::kSymlink,
                                               EntryKind::kDir};
  const std::string path = FreeEverywhere("over");
  for (int layer = world_.plan.lowers - 1; layer >= kUpperLayer; --layer) {
    if (dice_.Chance(25)) continue;
    const EntryKind kind = dice_.Chance(60) ? EntryKind::kDir : dice_.Pick(kinds);
    Entry& entry = Add(layer, kind, path);
    if (kind == EntryKind::kSymlink) entry.target = "a";
    if (kind != EntryKind::kDir) continue;
    Add(layer, EntryKind::kFile, path + "/in" + std::to_string(layer + 1)).size = 4;
    Add(layer, EntryKind::kFile, path + "/d").size = 7;
  }
}

// L11: redirects that lead to redirects, as last component and on the way.
void HostileMaker::Chains() {
  if (world_.plan.lowers < 3) return;
  const std::string p = FreeEverywhere("p"), q = FreeEverywhere("q"), r = FreeEverywhere("r");
  const bool relative = dice_.Chance(50);
  const std::string slash = relative ? "" : "/";
  Add(0, EntryKind::kDir, p).xattrs.emplace_back(kRedirect, slash + q);
  Add(0, EntryKind::kFile, p + "/top").size = 1;
  Add(0, EntryKind::kWhiteout, q);
  Add(0, EntryKind::kWhiteout, r);
  Add(1, EntryKind::kDir, q).xattrs.emplace_back(kRedirect, slash + r);
  Add(1, EntryKind::kFile, q + "/middle").size = 2;
  Add(2, EntryKind::kDir, r);
  Add(2, EntryKind::kFile, r + "/bottom").size = 3;
  const std::string k = FreeEverywhere("k"), m = FreeEverywhere("m"), o = FreeEverywhere("o");
  Add(0, EntryKind::kDir, k).xattrs.emplace_back(kRedirect, "/" + m + "/n");
  Add(0, EntryKind::kWhiteout, m);
  Add(0, EntryKind::kWhiteout, o);
  Entry& on_the_way = Add(1, EntryKind::kDir, m);
  // An opaque one hides what is below, a redirect leads on.
  on_the_way.xattrs.emplace_back(dice_.Chance(30) ? Xattrs::value_type(kOpaque, "y")
                                                  : Xattrs::value_type(kRedirect, "/" + o));
  if (dice_.Chance(50)) Add(1, EntryKind::kDir, m + "/n");
  Add(2, EntryKind::kDir, o);
  Add(2, EntryKind::kDir, o + "/n");
  Add(2, EntryKind::kFile, o + "/n/bottom").size = 3;
  Add(2, EntryKind::kDir, m);
  Add(2, EntryKind::kDir, m + "/n");
  Add(2, EntryKind::kFile, m + "/n/hidden").size = 3;
}

void HostileMaker::UpperRoot() {
  static const std::vector<std::string> uuids = {"", "short", std::string(16, 'u'), std::string(40, 'u')};
  for (Entry& entry : world_.entries) {
    if (!entry.path.empty()) continue;
    if (dice_.Chance(30))
      entry.xattrs.emplace_back(kOpaque, dice_.Chance(70) ? "y" : "x");  // L5: not at a root
    if (entry.layer != kUpperLayer) continue;
    if (dice_.Chance(50)) entry.xattrs.emplace_back("trusted.overlay.uuid", dice_.Pick(uuids));
    if (dice_.Chance(30)) entry.xattrs.emplace_back("trusted.overlay.impure", "junk");
    if (dice_.Chance(30)) entry.xattrs.emplace_back(kOrigin, "junk");
  }
}

void HostileMaker::MakeOne() {
  using Kind = void (HostileMaker::*)(int);
  static const std::vector<Kind> kinds = {
      &HostileMaker::OpaqueGarbage,   &HostileMaker::HostileRedirect, &HostileMaker::HostileRedirect,
      &HostileMaker::Metacopy,        &HostileMaker::XattrWhiteout,   &HostileMaker::WhiteoutDirectory,
      &HostileMaker::OriginGarbage,   &HostileMaker::OriginGarbage,   &HostileMaker::OtherGarbage,
      &HostileMaker::DressedWhiteout, &HostileMaker::OddName,         &HostileMaker::OtherFamily,
      &HostileMaker::OtherTools};
  const int layer = static_cast<int>(dice_.Below(static_cast<uint64_t>(world_.plan.lowers) + 2)) - 2;
  (this->*dice_.Pick(kinds))(layer < 0 ? kUpperLayer : layer);
}

void HostileMaker::Make() {
  for (uint64_t n = 10 + dice_.Below(15); n > 0; --n) MakeOne();
  OverEachOther();
  Chains();
  UpperRoot();
}

}  // namespace

void AddHostile(World* world) {
  HostileMaker(world).Make();
}

}  // namespace plyfs::diff
