// The model, renaming (R).
#include <stdio.h>

#include "engine/testing/model.h"

namespace plyfs::model {

// R9: a directory that has lower members moves by redirect only.
bool Model::CanMove(const Path& path) const {
  Result<Stack> stack = Find(path);
  if (stack->front().object->type != Type::kDir) return true;
  return stack->back().layer == 0 || options_.redirect_dir == Redirects::kOn;
}

// R2, R12 and what rename(2) refuses anywhere, in the order in which a caller learns of it.
Status Model::CheckRename(const Path& from, const Path& to, uint32_t flags) const {
  auto [from_parent, from_name] = SplitPath(from);
  auto [to_parent, to_name] = SplitPath(to);
  PLY_TRY(Stack from_dir, FindDir(from_parent));
  PLY_TRY(Stack to_dir, FindDir(to_parent));
  if (!upper_) return Errno(EROFS);
  PLY_TRY(Stack source, Lookup(from_dir, from_name));
  Result<Stack> target = Lookup(to_dir, to_name);
  if (!target.ok() && target.error() != ENOENT) return target.status();
  if ((flags & RENAME_NOREPLACE) && target.ok()) return Errno(EEXIST);
  const bool exchange = flags & RENAME_EXCHANGE;
  if (exchange && !target.ok()) return target.status();
  const bool moves_dir = source.front().object->type == Type::kDir;
  if (to != from && IsWithin(to, from)) return Errno(EINVAL);
  if (to != from && IsWithin(from, to)) return Errno(exchange ? EINVAL : ENOTEMPTY);
  if (!target.ok() || exchange) return OkStatus();
  const bool onto_dir = target->front().object->type == Type::kDir;
  if (from == to || moves_dir == onto_dir) return OkStatus();
  return Errno(moves_dir ? ENOTDIR : EISDIR);
}

// R16: the name below; where the parent changes, all names below from the root.
Result<std::string> Model::RedirectFor(const Path& path, bool same_parent) const {
  auto [parent, name] = SplitPath(path);
  if (same_parent) return name;
  std::string redirect;
  for (Path at = path; !at.empty(); at = SplitPath(at).first) {
    Result<Stack> stack = Find(at);
    const Member& top = stack->front();
    std::optional<std::string> known = top.layer == 0 ? Get(*top.object, "redirect") : std::nullopt;
    if (known) known = known->substr(0, known->find('\0'));  // L13
    if (known && known->starts_with('/')) {
      redirect = *known + redirect;
      break;
    }
    redirect = "/" + known.value_or(SplitPath(at).second) + redirect;
  }
  if (redirect.size() > 256) return Errno(EXDEV);  // L15
  return redirect;
}

// What a directory carries along so that it means the same in its new place: a redirect to what it merges
// with, or that it merges with nothing (R9, R10, R11, R13).  Files carry nothing.
Status Model::RecordMove(const Path& moved, const Path& destination) {
  Result<Stack> stack = Find(moved);
  Object& top = *stack->front().object;
  if (top.type != Type::kDir) return OkStatus();
  const Path from_parent = SplitPath(moved).first, to_parent = SplitPath(destination).first;
  if (stack->back().layer == 0) {
    const bool into_merged = Find(to_parent)->back().layer != 0;
    if (into_merged) top.xattrs[Record("opaque")] = "y";
    return OkStatus();
  }
  const bool same_parent = from_parent == to_parent;
  std::optional<std::string> known = Get(top, "redirect");
  if (known && (same_parent || known->starts_with('/'))) return OkStatus();
  PLY_TRY(top.xattrs[Record("redirect")], RedirectFor(moved, same_parent));
  return OkStatus();
}

// Files on lowers below a directory that moves move with it.
void Model::MoveOpenFiles(const Path& from, const Path& to, bool exchange) {
  for (auto& file : slots_) {
    if (!file || !file->lower || file->unlinked) continue;
    if (IsWithin(file->path, from)) {
      file->path = to + file->path.substr(from.size());
    } else if (exchange && IsWithin(file->path, to)) {
      file->path = from + file->path.substr(to.size());
    }
  }
}

Status Model::Rename(const Path& from, const Path& to, uint32_t flags) {
  const bool exchange = flags & RENAME_EXCHANGE;
  if (exchange && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT))) return Errno(EINVAL);  // R2
  PLY_CHECK(CheckRename(from, to, flags));
  Result<Stack> target = Find(to);
  if (from == to) return OkStatus();
  const Member source = Find(from)->front();
  if (target.ok() && source.layer == 0 && source.object == target->front().object) return OkStatus();  // R14
  if (flags & RENAME_WHITEOUT) return Errno(EINVAL);                                                   // R2
  if (!CanMove(from) || (exchange && !CanMove(to))) return Errno(EXDEV);
  const bool onto_dir = target.ok() && target->front().object->type == Type::kDir && !exchange;
  // What upper alone has is refused by upper, when all else is done (R20).
  const bool late = onto_dir && target->back().layer == 0;
  if (onto_dir && !late && !HoldsNothing(*target)) return Errno(ENOTEMPTY);  // R12

  Ref moved = CopyUp(from);                             // R1
  Ref to_dir = CopyUp(SplitPath(to).first);             // R15
  const Ref swapped = exchange ? CopyUp(to) : nullptr;  // R13
  PLY_CHECK(RecordMove(from, to));
  if (exchange) PLY_CHECK(RecordMove(to, from));
  if (late && !HoldsNothing(*target)) return Errno(ENOTEMPTY);
  if (exchange) {
    CopyUp(SplitPath(from).first)->entries[SplitPath(from).second] = swapped;
    to_dir->entries[SplitPath(to).second] = moved;
    MoveOpenFiles(from, to, true);
    return OkStatus();
  }
  if (target.ok()) LoseOpenFiles(to);  // R19
  const std::string to_name = SplitPath(to).second;
  Ref whiteout = MakeWhiteout();
  if (!target.ok() && to_dir->entries.contains(to_name)) {
    whiteout = to_dir->entries[to_name];  // R5: it covers the source from now on
    ++whiteout->links;
  }
  ++moved->links;
  SetEntry(*to_dir, to_name, moved);  // R3, R6, R11
  Erase(from, whiteout);              // R4, R7
  MoveOpenFiles(from, to, false);
  return OkStatus();
}

}  // namespace plyfs::model
