// The model, changing names: what is made, linked and removed, and what of it stands in upper (N).
#include "engine/testing/model.h"

namespace plyfs::model {

// C: everything on the way is copied up first, topmost first, as directories without contents (C1).  What was
// read through files opened before is the copy from now on (C19).
// REQUIRES: there is something at `path`, and an upper.
Ref Model::CopyUp(const Path& path, bool with_data) {
  if (path.empty()) return upper_;
  Result<Stack> stack = Find(path);
  const Member& top = stack->front();
  if (top.layer == 0) return top.object;
  auto [parent, name] = SplitPath(path);
  Ref dir = CopyUp(parent);

  Ref copy = std::make_shared<Object>(*top.object);
  copy->entries.clear();
  if (!with_data) copy->data.clear();                                                      // C9
  std::erase_if(copy->xattrs, [&](const auto& xattr) { return IsPrivate(xattr.first); });  // C6, X6
  const bool is_dir = copy->type == Type::kDir;
  // C15, S6: one of several lower links becomes a file of its own.
  bool origin = is_dir || top.object->links == 1;
  if (options_.userxattr && !is_dir && copy->type != Type::kFile) origin = false;
  if (origin) copy->xattrs[Record("origin")] = "";
  copy->links = 1;
  dir->entries[name] = copy;
  for (auto& file : slots_) {
    if (!file || !file->lower || file->unlinked || file->path != path) continue;
    file->object = copy;
    file->lower = false;
  }
  return copy;
}

// Whether some layer of the directory's lowers has the name; the first one that has it decides (section 6).
bool Model::LowerPositive(const Stack& dir, const std::string& name) const {
  for (const Member& member : dir) {
    if (member.layer == 0) continue;
    auto it = member.object->entries.find(name);
    if (it != member.object->entries.end()) return !IsWhiteout(*it->second);
  }
  return false;
}

// N11, X5: what is refused is there (D14), what is listed and cannot be found is not.
bool Model::HoldsNothing(const Stack& dir) const {
  for (const auto& [name, type] : ListOf(dir)) {
    if (Lookup(dir, name).error() != ENOENT) return false;
  }
  return true;
}

Status Model::CheckFree(const Path& path) const {
  auto [parent, name] = SplitPath(path);
  PLY_TRY(Stack dir, FindDir(parent));
  Result<Stack> there = Lookup(dir, name);
  if (there.ok()) return Errno(EEXIST);
  if (there.error() != ENOENT) return there.status();
  return upper_ ? OkStatus() : Status(Errno(EROFS));
}

// What upper had at the name, if only a whiteout, loses it.
void Model::SetEntry(Object& dir, const std::string& name, Ref object) {
  Ref& entry = dir.entries[name];
  if (entry) --entry->links;
  entry = std::move(object);
}

// N1, N2: over a whiteout as well as where nothing is.
Status Model::Place(const Path& path, Ref object) {
  PLY_CHECK(CheckFree(path));
  auto [parent, name] = SplitPath(path);
  SetEntry(*CopyUp(parent), name, std::move(object));
  return OkStatus();
}

Status Model::Create(const Path& path, uint32_t mode) {
  return Place(path, MakeObject(Type::kFile, mode));
}

Status Model::MakeNode(const Path& path, Type type, uint32_t mode, uint32_t major, uint32_t minor) {
  PLY_CHECK(CheckFree(path));
  if (type == Type::kChar && major == 0 && minor == 0) return Errno(EPERM);  // N15
  Ref node = MakeObject(type, mode);
  node->major = major;
  node->minor = minor;
  return Place(path, node);
}

Status Model::Symlink(const std::string& target, const Path& path) {
  Ref link = MakeObject(Type::kSymlink, 0777);
  link->data = target;
  return Place(path, link);
}

Status Model::MakeDir(const Path& path, uint32_t mode) {
  PLY_CHECK(CheckFree(path));
  auto [parent, name] = SplitPath(path);
  Ref above = CopyUp(parent);
  Ref dir = MakeObject(Type::kDir, mode);
  const bool over_whiteout = above->entries.contains(name);  // N4
  const bool merged = Find(parent)->size() > 1;              // N3, N5, N6
  if (over_whiteout || (merged && options_.opaque_mkdir)) dir->xattrs[Record("opaque")] = "y";
  SetEntry(*above, name, dir);
  return OkStatus();
}

// N17.
Status Model::Link(const Path& from, const Path& to) {
  PLY_TRY(Stack source, Find(from));
  Status free = CheckFree(to);
  if (!free.ok()) return free;
  if (source.front().object->type == Type::kDir) return Errno(EPERM);
  Ref object = CopyUp(from);
  PLY_CHECK(Place(to, object));
  ++object->links;
  return OkStatus();
}

// The name goes from the merged tree: a whiteout stays where a lower has the name, whether upper had it or
// not.
void Model::Erase(const Path& path, Ref whiteout) {
  auto [parent, name] = SplitPath(path);
  Ref dir = CopyUp(parent);
  const bool hide = LowerPositive(*Find(parent), name);
  auto it = dir->entries.find(name);
  if (it != dir->entries.end()) {
    --it->second->links;
    dir->entries.erase(it);
  }
  if (hide) dir->entries[name] = std::move(whiteout);  // N8, N10, N12, N14
}

// S10, N19: a file that is still open on a lower has no name any more.
void Model::LoseOpenFiles(const Path& path) {
  for (auto& file : slots_) {
    if (file && file->lower && file->path == path) file->unlinked = true;
  }
}

Status Model::Unlink(const Path& path) {
  auto [parent, name] = SplitPath(path);
  PLY_TRY(Stack dir, FindDir(parent));
  if (!upper_) return Errno(EROFS);
  PLY_TRY(Stack stack, Lookup(dir, name));
  if (stack.front().object->type == Type::kDir) return Errno(EISDIR);
  Erase(path, MakeWhiteout());  // N7, N8, N13
  LoseOpenFiles(path);
  return OkStatus();
}

Status Model::RemoveDir(const Path& path) {
  if (path.empty()) return Errno(EBUSY);  // M21
  auto [parent, name] = SplitPath(path);
  PLY_TRY(Stack dir, FindDir(parent));
  if (!upper_) return Errno(EROFS);
  PLY_TRY(Stack stack, Lookup(dir, name));
  if (stack.front().object->type != Type::kDir) return Errno(ENOTDIR);
  if (!HoldsNothing(stack)) return Errno(ENOTEMPTY);  // N11
  Erase(path, MakeWhiteout());                        // N9, N10
  return OkStatus();
}

}  // namespace plyfs::model
