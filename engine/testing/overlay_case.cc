#include "engine/testing/overlay_case.h"

#include <linux/fs.h>
#include <stdio.h>
#include <sys/xattr.h>

#include <algorithm>

#include "engine/format/acl.h"

namespace plyfs::model {
namespace {

constexpr const char* kNames[] = {"a", "b", "c", "d"};
constexpr uint32_t kModes[] = {0644, 0755, 0700, 0};
constexpr uint32_t kOwners[] = {0, 1, 1000, UINT32_MAX};
constexpr const char* kValues[] = {"", "1", "22", "a longer value than the others"};
constexpr const char* kAccessAcl = "system.posix_acl_access";
constexpr const char* kXattrs[] = {"user.a",
                                   "trusted.a",
                                   "trusted.overlay.a",
                                   "trusted.overlay.opaque",
                                   "trusted.overlay.overlay.a",
                                   "user.overlay.a",
                                   "user.overlay.redirect",
                                   "trusted.overlay."};
// What redirects say: names, ways, and what no mount writes (L13).
constexpr std::string_view kRedirects[] = {
    "a",  "b",    "c",    "d",       "/a",   "/b",  "/a/b", "/b/a",
    "/c", "/c/d", "/d/a", "/a/b/c",  "/a/a", "/a/", "../a", "//a",
    "",   "/",    "a/b",  "/a/../b", ".",    "e",   "/e/a", std::string_view("/a\0b", 4)};

template <typename T, size_t n>
const T& Pick(const T (&table)[n], unsigned which) {
  return table[which % n];
}

// One record, byte by byte.
struct Fields {
  unsigned kind, layer, path, path2, a, b, c, d;
  explicit Fields(std::string_view r)
      : kind(At(r, 0)),
        layer(At(r, 1)),
        path(At(r, 2)),
        path2(At(r, 3)),
        a(At(r, 4)),
        b(At(r, 5)),
        c(At(r, 6)),
        d(At(r, 7)) {}
  static unsigned At(std::string_view r, size_t i) { return static_cast<unsigned char>(r[i]); }
};

// One to three names, two bits each.
Path PathOf(unsigned byte) {
  static constexpr unsigned kDepths[] = {1, 2, 3, 2};
  Path path;
  for (unsigned i = 0; i < kDepths[byte & 3]; ++i) {
    path = JoinPath(path, Pick(kNames, (byte >> (2 + 2 * i)) & 3));
  }
  return path;
}

// The directory at `path` of a layer, made with all above it; null where something else is in the way.
Ref DirAt(const Ref& root, const Path& path) {
  if (path.empty()) return root;
  auto [parent, name] = SplitPath(path);
  Ref above = DirAt(root, parent);
  if (!above) return nullptr;
  Ref& entry = above->entries[name];
  if (!entry) entry = MakeObject(Type::kDir, 0755);
  return entry->type == Type::kDir ? entry : nullptr;
}

// A new object at a free name of a layer.
void PutObject(const Ref& root, const Path& path, Ref object) {
  auto [parent, name] = SplitPath(path);
  Ref dir = DirAt(root, parent);
  if (dir) dir->entries.emplace(name, std::move(object));
}

Ref FileOf(const Fields& f) {
  Ref file = MakeObject(Type::kFile, Pick(kModes, f.a));
  file->data = Pick(kValues, f.b) + std::to_string(f.layer % 4);
  file->uid = Pick(kOwners, f.c % 3);
  if (f.d % 4 == 0) file->xattrs["user.a"] = Pick(kValues, f.c);
  if (f.d % 16 == 1) file->xattrs["trusted.overlay.overlay.a"] = "escaped";
  return file;
}

void AddDir(const Ref& root, const Fields& f, const std::string& prefix) {
  Ref dir = DirAt(root, PathOf(f.path));
  if (!dir) return;
  dir->mode = Pick(kModes, f.a);
  dir->xattrs.erase(kAccessAcl);  // which would say another one
  if (f.d % 4 == 0) dir->xattrs["user.a"] = Pick(kValues, f.c);
  switch (f.kind % 16) {
    case 7:
      dir->xattrs[prefix + "opaque"] = "y";
      break;
    case 8:
      dir->xattrs[prefix + "redirect"] = Pick(kRedirects, f.path2);
      break;
    case 9:
      dir->xattrs[prefix + "opaque"] = f.b % 4 == 0 ? "no" : "x";
      break;
    default:
      break;
  }
}

// Another name for what is at the first one.
void AddLink(const Ref& root, const Fields& f) {
  auto [parent, name] = SplitPath(PathOf(f.path2));
  Ref dir = DirAt(root, parent);
  if (!dir || !dir->entries.contains(name)) return;
  Ref object = dir->entries[name];
  if (object->type == Type::kDir) return;
  auto [to_parent, to_name] = SplitPath(PathOf(f.path));
  Ref to = DirAt(root, to_parent);
  if (to && to->entries.emplace(to_name, object).second) ++object->links;
}

// Which the mode says in short.
void AddAcl(Object& object) {
  object.xattrs[kAccessAcl] = ComposeAcl({{AclTag::kUserObj, 6},
                                          {AclTag::kUser, 4, 7},
                                          {AclTag::kGroupObj, 4},
                                          {AclTag::kMask, 4},
                                          {AclTag::kOther, 4}});
  object.mode = 0644;
}

// On files and directories of lowers.
void AddMore(const Ref& root, const Fields& f) {
  static constexpr int kFlags[] = {FS_NOATIME_FL, FS_APPEND_FL, FS_IMMUTABLE_FL,
                                   FS_NOATIME_FL | FS_APPEND_FL};
  auto [parent, name] = SplitPath(PathOf(f.path));
  Ref dir = DirAt(root, parent);
  if (!dir || !dir->entries.contains(name)) return;
  Object& object = *dir->entries[name];
  if (object.type != Type::kFile && object.type != Type::kDir) return;
  const unsigned what = f.kind / 16;
  if (what == 1) object.flags = Pick(kFlags, f.b);
  if (what == 2) object.xattrs["security.a"] = Pick(kValues, f.c);
  if (what == 3 && f.b % 4 != 0) AddAcl(object);
  if (what == 3 && f.b % 4 == 0) object.data.clear();
}

void AddObject(const Ref& root, const Fields& f, const std::string& prefix) {
  const Path path = PathOf(f.path);
  static constexpr Type kSpecial[] = {Type::kFifo, Type::kSocket, Type::kChar, Type::kBlock};
  switch (f.kind % 16) {
    case 0:
    case 1:
    case 2:
      return PutObject(root, path, FileOf(f));
    case 10:
    case 11:
      return PutObject(root, path, MakeWhiteout());
    case 12: {
      Ref link = MakeObject(Type::kSymlink, 0777);
      link->data = Pick(kNames, f.a);
      return PutObject(root, path, link);
    }
    case 13: {
      Ref special = MakeObject(Pick(kSpecial, f.a), 0644);
      if (special->type == Type::kChar || special->type == Type::kBlock) special->major = 1;
      return PutObject(root, path, special);
    }
    case 14:
      return AddLink(root, f);
    case 15: {
      // A whiteout by xattr, or a file without data.
      Ref file = MakeObject(Type::kFile, 0644);
      file->xattrs[prefix + (f.a % 4 == 0 ? "metacopy" : "whiteout")] = "";
      return PutObject(root, path, file);
    }
    default:
      return AddDir(root, f, prefix);
  }
}

// The paths that a case has spoken of so far, each once.
class KnownPaths {
 public:
  void Add(const Path& path) {
    if (path.empty() || std::find(paths_.begin(), paths_.end(), path) != paths_.end()) return;
    paths_.push_back(path);
  }
  // Mostly one of them, so that steps meet what is there.
  Path Choose(unsigned byte, bool any) const {
    return any || paths_.empty() ? PathOf(byte) : paths_[byte % paths_.size()];
  }

 private:
  std::vector<Path> paths_;
};

Step StepOf(const Fields& f, KnownPaths* known) {
  static constexpr Type kNodes[] = {Type::kFifo, Type::kSocket, Type::kChar, Type::kBlock, Type::kFile};
  static constexpr uint32_t kRenames[] = {
      0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_EXCHANGE | RENAME_NOREPLACE, 0, 0};
  // Names change more often than anything else is asked.
  static constexpr StepKind kMore[] = {StepKind::kCreate,    StepKind::kMakeDir, StepKind::kUnlink,
                                       StepKind::kRemoveDir, StepKind::kRename,  StepKind::kRename,
                                       StepKind::kRename,    StepKind::kLink};
  Step step;
  const unsigned kind = (f.kind - 64) % 48;
  step.kind = kind < kStepKinds ? static_cast<StepKind>(kind) : Pick(kMore, kind);
  const bool takes_root = step.kind <= StepKind::kListXattr || step.kind == StepKind::kChmod ||
                          step.kind == StepKind::kSetXattr || step.kind == StepKind::kTmpFile;
  step.path = known->Choose(f.path, f.layer % 4 == 0);
  step.path2 = known->Choose(f.path2, f.layer % 8 < 4);
  if (f.layer >= (step.kind == StepKind::kTmpFile ? 128 : 224) && takes_root) step.path = "";
  known->Add(step.path);
  known->Add(step.path2);
  step.name = Pick(kXattrs, f.a);
  step.value = Pick(kValues, f.b);
  step.type = Pick(kNodes, f.a);
  step.mode = Pick(kModes, f.b);
  step.uid = Pick(kOwners, f.a);
  step.gid = Pick(kOwners, f.b);
  step.offset = f.c % 12;
  step.slot = static_cast<int>(f.d % kSlots);
  step.how = {f.a % 2 == 1, f.a % 4 > 1};
  step.flags = step.kind == StepKind::kSetXattr ? f.c % 3 : Pick(kRenames, f.a);
  return step;
}

Options OptionsOf(const Fields& f) {
  Options options;
  options.redirect_dir = static_cast<Redirects>(f.kind % 4);
  options.userxattr = f.layer % 8 == 0;
  if (options.userxattr) options.redirect_dir = Redirects::kNoFollow;
  options.opaque_mkdir = options.redirect_dir == Redirects::kOn || f.path % 4 == 0;
  return options;
}

// Directories that a mount had in its upper are marked impure where it matters (C2, R18); here all are, so
// that listings tell the numbers that lookups tell (D11).
void MarkGiven(const Ref& object, const std::string& prefix) {
  object->given = true;
  if (object->type == Type::kDir) object->xattrs[prefix + "impure"] = "y";
  for (const auto& [name, entry] : object->entries) MarkGiven(entry, prefix);
}

}  // namespace

Case DecodeCase(std::string_view bytes, Draw draw) {
  Case c;
  if (bytes.size() < kRecord) bytes = std::string_view("\3\1\1\3\0\0\0\0", kRecord);
  const Fields head(bytes.substr(0, kRecord));
  c.options = OptionsOf(head);
  const std::string prefix = c.options.userxattr ? "user.overlay." : "trusted.overlay.";
  const unsigned lowers = 1 + head.path2 % 3;
  for (unsigned i = 0; i < lowers; ++i) c.lowers.push_back(MakeObject(Type::kDir, 0755));
  // Without an upper there are two lowers at least (M9).
  if (head.a % 16 != 1 || lowers == 1) c.upper = MakeObject(Type::kDir, 0755);
  size_t objects = 0;
  KnownPaths known;
  for (size_t at = kRecord; at + kRecord <= bytes.size(); at += kRecord) {
    const Fields f(bytes.substr(at, kRecord));
    if (f.kind >= 64) {
      if (c.steps.size() < kMaxSteps) c.steps.push_back(StepOf(f, &known));
    } else if (++objects <= kMaxObjects) {
      const unsigned layer = f.layer % (lowers + 1);
      const Ref& root = layer == lowers ? c.upper : c.lowers[layer];
      if (root) AddObject(root, f, prefix);
      if (root && root != c.upper && draw == Draw::kMore && f.kind >= 16) AddMore(root, f);
      known.Add(PathOf(f.path));
    }
  }
  if (c.upper) MarkGiven(c.upper, prefix);
  return c;
}

std::string ShrinkCase(std::string bytes, const std::function<bool(const std::string&)>& fails) {
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (size_t at = bytes.size() / kRecord; at-- > 1;) {
      std::string without = bytes;
      without.erase(at * kRecord, kRecord);
      if (!fails(without)) continue;
      bytes = std::move(without);
      smaller = true;
    }
  }
  return bytes;
}

}  // namespace plyfs::model
