// The model, changing what is at a name and what is open: contents, attributes, xattrs, descriptors (C, A,
// N18, N19).
#include <sys/xattr.h>

#include "engine/testing/model.h"

namespace plyfs::model {

// The object in upper, copied up for a change that copies its data too.
Result<Ref> Model::Changeable(const Path& path) {
  PLY_TRY(Stack stack, Find(path));
  if (!upper_) return Errno(EROFS);  // A3
  return CopyUp(path);
}

Status Model::Truncate(const Path& path, uint64_t size) {
  PLY_TRY(Stack stack, Find(path));
  const Type type = stack.front().object->type;
  if (type == Type::kDir) return Errno(EISDIR);
  if (type != Type::kFile) return Errno(EINVAL);
  PLY_TRY(Ref file, Changeable(path));
  file->data.resize(size);
  return OkStatus();
}

Status Model::Chmod(const Path& path, uint32_t mode) {
  PLY_TRY(Stack stack, Find(path));
  if (stack.front().object->type == Type::kSymlink) return Errno(upper_ ? EOPNOTSUPP : EROFS);
  PLY_TRY(Ref object, Changeable(path));
  object->mode = mode;
  return OkStatus();
}

Status Model::Chown(const Path& path, uint32_t uid, uint32_t gid) {
  PLY_TRY(Ref object, Changeable(path));
  if (uid != UINT32_MAX) object->uid = uid;
  if (gid != UINT32_MAX) object->gid = gid;
  return OkStatus();
}

// A5.
Status Model::CheckXattrName(const Object& object, const std::string& name) const {
  const bool takes_user = object.type == Type::kFile || object.type == Type::kDir;
  if (name.starts_with("user.") && !takes_user) return Errno(EPERM);
  if (name == Record("")) return Errno(EINVAL);  // A7
  return OkStatus();
}

// A6.
std::string Model::NameOnDisk(const std::string& xattr) const {
  if (!xattr.starts_with(Record(""))) return xattr;
  return Record("overlay.") + xattr.substr(Record("").size());
}

Result<std::string> Model::ValueOf(const Object& object, const std::string& name) const {
  if (Status legal = CheckXattrName(object, name); !legal.ok()) {
    return legal.error() == EPERM ? Errno(ENODATA) : legal.status();
  }
  auto it = object.xattrs.find(NameOnDisk(name));
  if (it == object.xattrs.end()) return Errno(ENODATA);
  return it->second;
}

Status Model::StoreXattr(Object& object, const std::string& name, const std::string& value, int flags) {
  const std::string stored = NameOnDisk(name);
  const bool there = object.xattrs.contains(stored);
  if ((flags & XATTR_CREATE) && there) return Errno(EEXIST);
  if ((flags & XATTR_REPLACE) && !there) return Errno(ENODATA);
  object.xattrs[stored] = value;
  return OkStatus();
}

// C: refused for what is there, or is not, only after the copy-up.
Status Model::SetXattr(const Path& path, const std::string& name, const std::string& value, int flags) {
  PLY_TRY(Stack stack, Find(path));
  if (!upper_) return Errno(EROFS);
  PLY_CHECK(CheckXattrName(*stack.front().object, name));
  PLY_TRY(Ref object, Changeable(path));
  return StoreXattr(*object, name, value, flags);
}

// C: nothing is copied up for what is not there.
Status Model::RemoveXattr(const Path& path, const std::string& name) {
  PLY_TRY(Stack stack, Find(path));
  if (!upper_) return Errno(EROFS);
  PLY_CHECK(CheckXattrName(*stack.front().object, name));
  if (!stack.front().object->xattrs.contains(NameOnDisk(name))) return Errno(ENODATA);
  PLY_TRY(Ref object, Changeable(path));
  object->xattrs.erase(NameOnDisk(name));
  return OkStatus();
}

Result<Model::OpenFile*> Model::Slot(int slot) {
  auto& file = slots_[static_cast<size_t>(slot)];
  if (!file) return Errno(EBADF);
  return &*file;
}

Status Model::Open(int slot, const Path& path, OpenHow how) {
  auto& file = slots_[static_cast<size_t>(slot)];
  if (file) return Errno(EMFILE);
  PLY_TRY(Stack stack, Find(path));
  if (stack.front().object->type != Type::kFile) return Errno(EINVAL);
  const bool changes = how.write || how.truncate;
  if (changes && !upper_) return Errno(EROFS);
  if (changes) {
    Ref object = CopyUp(path, !how.truncate);  // C9
    if (how.truncate) object->data.clear();
    PLY_TRY(stack, Find(path));
  }
  const Member& top = stack.front();
  file = OpenFile{top.object, top.layer != 0, path, false, how.write, false};
  return OkStatus();
}

// N18: it copies the directory up and has no name.
Status Model::TmpFile(int slot, const Path& dir, uint32_t mode) {
  auto& file = slots_[static_cast<size_t>(slot)];
  if (file) return Errno(EMFILE);
  PLY_TRY(Stack stack, FindDir(dir));
  if (!upper_) return Errno(EROFS);
  CopyUp(dir);
  Ref object = MakeObject(Type::kFile, mode);
  object->links = 0;
  file = OpenFile{object, false, "", false, true, true};
  return OkStatus();
}

Status Model::Close(int slot) {
  PLY_CHECK(Slot(slot));
  slots_[static_cast<size_t>(slot)].reset();
  return OkStatus();
}

Status Model::Remount() {
  for (auto& file : slots_) file.reset();
  return OkStatus();
}

Result<std::string> Model::ReadSlot(int slot) {
  PLY_TRY(OpenFile * file, Slot(slot));
  return file->object->data;
}

Status Model::WriteSlot(int slot, uint64_t offset, const std::string& data) {
  PLY_TRY(OpenFile * file, Slot(slot));
  if (!file->write) return Errno(EBADF);
  std::string& all = file->object->data;
  if (all.size() < offset + data.size()) all.resize(offset + data.size());
  all.replace(offset, data.size(), data);
  return OkStatus();
}

Status Model::TruncateSlot(int slot, uint64_t size) {
  PLY_TRY(OpenFile * file, Slot(slot));
  if (!file->write) return Errno(EINVAL);
  file->object->data.resize(size);
  return OkStatus();
}

// S10: none of its names are left, wherever it lies.
Result<Sight> Model::StatSlot(int slot) {
  PLY_TRY(OpenFile * file, Slot(slot));
  Sight sight = SightOf({{0, file->object}});
  if (file->lower && file->unlinked) sight.links = 0;
  return sight;
}

bool Model::IsUnlinkedLower(int slot) const {
  const auto& file = slots_[static_cast<size_t>(slot)];
  return file && file->lower && file->unlinked;
}

// N19: what has no name is copied up to where none is needed, for all who have it open.
Ref Model::ChangeableSlot(OpenFile& file) {
  if (!file.lower) return file.object;
  if (!file.unlinked) return CopyUp(file.path);
  const Ref old = file.object, copy = std::make_shared<Object>(*file.object);
  copy->links = 0;
  std::erase_if(copy->xattrs, [&](const auto& xattr) { return IsPrivate(xattr.first); });
  const Path path = file.path;
  for (auto& other : slots_) {
    if (!other || !other->unlinked || other->object != old || other->path != path) continue;
    other->object = copy;
    other->lower = false;
  }
  return copy;
}

Status Model::ChmodSlot(int slot, uint32_t mode) {
  PLY_TRY(OpenFile * file, Slot(slot));
  if (!upper_) return Errno(EROFS);
  ChangeableSlot(*file)->mode = mode;
  return OkStatus();
}

Status Model::SetXattrSlot(int slot, const std::string& name, const std::string& value) {
  PLY_TRY(OpenFile * file, Slot(slot));
  if (!upper_) return Errno(EROFS);
  PLY_CHECK(CheckXattrName(*file->object, name));
  return StoreXattr(*ChangeableSlot(*file), name, value, 0);
}

// N17, N18: what has lost its last name gets none, but for what never had one.
Status Model::LinkSlot(int slot, const Path& path) {
  PLY_TRY(OpenFile * file, Slot(slot));
  PLY_CHECK(CheckFree(path));
  PLY_TRY(Sight sight, StatSlot(slot));
  if (sight.links == 0 && !file->nameless) return Errno(ENOENT);
  Ref object = ChangeableSlot(*file);
  PLY_CHECK(Place(path, object));
  ++object->links;
  file->nameless = false;
  return OkStatus();
}

}  // namespace plyfs::model
