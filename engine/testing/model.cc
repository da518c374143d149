// The model, looking: which objects a path leads to, what a directory lists, what stat tells.
#include "engine/testing/model.h"

#include <algorithm>

namespace plyfs::model {

Ref MakeObject(Type type, uint32_t mode) {
  Ref object = std::make_shared<Object>();
  object->type = type;
  object->mode = mode;
  return object;
}

Ref MakeWhiteout() {
  return MakeObject(Type::kChar, 0);
}

Model::Model(Options options, std::vector<Ref> lowers, Ref upper)
    : options_(options), lowers_(std::move(lowers)), upper_(std::move(upper)) {}

std::string Model::Record(const char* name) const {
  return std::string(options_.userxattr ? "user.overlay." : "trusted.overlay.") + name;
}

std::optional<std::string> Model::Get(const Object& object, const char* record) const {
  auto it = object.xattrs.find(Record(record));
  if (it == object.xattrs.end()) return std::nullopt;
  return it->second;
}

// A6: the overlay's own, but for those that were escaped.
bool Model::IsPrivate(const std::string& xattr) const {
  return xattr.starts_with(Record("")) && !xattr.starts_with(Record("overlay."));
}

// L4.
bool Model::IsWhiteout(const Object& object) const {
  if (object.type == Type::kChar) return object.major == 0 && object.minor == 0;
  return object.type == Type::kFile && object.data.empty() && Get(object, "whiteout").has_value();
}

bool Model::IsOpaque(const Object& object) const {
  return Get(object, "opaque") == "y";
}

bool Model::MayFollow() const {
  return options_.redirect_dir != Redirects::kNoFollow && !options_.userxattr;
}

// A search for one name, from the top of its directory's stack to the bottom (L2).
class Search {
 public:
  Search(const Model& model, const Stack& dir, const std::string& name)
      : model_(model), dir_(dir), way_{name} {}

  Result<Stack> Run() {
    for (int layer = 0; layer <= Lowest() && !ended_; ++layer) {
      const Ref base = BaseIn(layer);
      if (base) PLY_CHECK(LookIn(layer, base));
    }
    if (found_.empty()) return Errno(ENOENT);
    return found_;
  }

 private:
  int Lowest() const { return static_cast<int>(model_.lowers_.size()); }

  // Where the way starts: in the layer's copy of the directory (L9), or in its root (L10).
  Ref BaseIn(int layer) const {
    const Stack root = model_.Root();
    for (const Member& member : absolute_ ? root : dir_) {
      if (member.layer == layer) return member.object;
    }
    return nullptr;
  }

  // L8: what is below no layer reads no opaque and no redirect.  Where redirects may not be followed the
  // directory's own stack says what is below.
  bool NothingBelow(int layer) const {
    if (model_.MayFollow()) return layer == Lowest();
    return layer == dir_.back().layer;
  }

  Status LookIn(int layer, Ref at) {
    const std::vector<std::string> way = way_;
    for (size_t i = 0; i < way.size(); ++i) {
      if (way[i].empty() || way[i] == "." || way[i] == "..") return Errno(EACCES);  // L13
      auto it = at->entries.find(way[i]);
      if (it == at->entries.end()) return OkStatus();
      at = it->second;
      const bool last = i + 1 == way.size();
      if (model_.IsWhiteout(*at)) {  // L4, L7, L11
        ended_ = true;
        return OkStatus();
      }
      if (at->type != Type::kDir) return AddFile(layer, at, last);
      if (!NothingBelow(layer)) PLY_CHECK(ReadRecords(*at, i, way));
    }
    found_.push_back({layer, at});
    return OkStatus();
  }

  // L3, L7, L11: it ends the search, and is what was sought if nothing was found above.
  Status AddFile(int layer, const Ref& file, bool last) {
    ended_ = true;
    if (!last || !found_.empty()) return OkStatus();
    if (file->type == Type::kFile && model_.Get(*file, "metacopy")) return Errno(EPERM);  // L17
    found_.push_back({layer, file});
    return OkStatus();
  }

  // L5, L10, L11: of the i-th component of the way that this layer is being asked for.
  Status ReadRecords(const Object& dir, size_t i, const std::vector<std::string>& way) {
    if (model_.IsOpaque(dir)) {
      ended_ = true;
      return OkStatus();
    }
    std::optional<std::string> value = model_.Get(dir, "redirect");
    if (!value) return OkStatus();
    if (value->empty()) return Errno(EINVAL);  // L13
    value = value->substr(0, value->find('\0'));
    // What the layers below are asked for: the redirect instead of all up to here (or of this component, if
    // it is a name), and then what is left.
    std::vector<std::string> next;
    if (value->starts_with('/')) {
      PLY_TRY(next, SplitAbsolute(*value));
    } else {
      if (value->find('/') != std::string::npos) return Errno(EINVAL);  // L13
      const size_t left = way.size() - i;
      next.assign(way_.begin(), way_.end() - static_cast<ptrdiff_t>(left));
      next.push_back(*value);
    }
    if (!model_.MayFollow()) return Errno(EPERM);  // L12
    if (value->starts_with('/')) {
      absolute_ = true;
      ended_ = false;  // it leads out of an opaque directory that the way came through
    }
    next.insert(next.end(), way.begin() + static_cast<ptrdiff_t>(i) + 1, way.end());
    way_ = std::move(next);
    return OkStatus();
  }

  static Result<std::vector<std::string>> SplitAbsolute(const std::string& value) {
    std::vector<std::string> parts;
    for (size_t at = 0; at < value.size();) {
      const size_t end = std::min(value.find('/', at + 1), value.size());
      if (end == at + 1) return Errno(EINVAL);  // L13: an empty component
      parts.push_back(value.substr(at + 1, end - at - 1));
      at = end;
    }
    return parts;
  }

  const Model& model_;
  const Stack& dir_;
  std::vector<std::string> way_;  // what the next layer is asked for
  bool absolute_ = false;         // from its root
  bool ended_ = false;
  Stack found_;
};

// L1, L5: every layer's root takes part, whatever records it has.
Stack Model::Root() const {
  Stack root;
  if (upper_) root.push_back({0, upper_});
  for (size_t i = 0; i < lowers_.size(); ++i) root.push_back({static_cast<int>(i) + 1, lowers_[i]});
  return root;
}

Result<Stack> Model::Lookup(const Stack& dir, const std::string& name) const {
  return Search(*this, dir, name).Run();
}

Result<Stack> Model::Find(const Path& path) const {
  if (path.empty()) return Root();
  auto [parent, name] = SplitPath(path);
  PLY_TRY(Stack dir, FindDir(parent));
  return Lookup(dir, name);
}

Result<Stack> Model::FindDir(const Path& path) const {
  PLY_TRY(Stack stack, Find(path));
  if (stack.front().object->type != Type::kDir) return Errno(ENOTDIR);
  return stack;
}

Sight Model::SightOf(const Stack& stack) const {
  const Object& top = *stack.front().object;
  Sight sight{top.type, top.mode, top.uid, top.gid, top.major, top.minor, top.links, top.data.size()};
  if (top.type != Type::kDir) return sight;  // S8, S11
  sight.size = 0;
  if (stack.size() > 1) {
    sight.links = 1;  // S7
    return sight;
  }
  sight.links = 2;
  for (const auto& [name, entry] : top.entries) sight.links += entry->type == Type::kDir;
  return sight;
}

Result<Sight> Model::Stat(const Path& path) {
  PLY_TRY(Stack stack, Find(path));
  return SightOf(stack);
}

// D1, D9, X5: the topmost entry of a name decides.  A file that is a whiteout by its xattr is hidden only
// where the directory says that it has such; elsewhere it is listed, though nothing is there.
Listing Model::ListOf(const Stack& dir) const {
  Listing listing;
  std::map<std::string, bool> seen;
  for (const Member& member : dir) {
    const bool has_xattr_whiteouts = Get(*member.object, "opaque") == "x";
    for (const auto& [name, entry] : member.object->entries) {
      if (!seen.emplace(name, true).second) continue;
      const bool hidden = IsWhiteout(*entry) && (entry->type == Type::kChar || has_xattr_whiteouts);
      if (!hidden) listing.emplace(name, entry->type);
    }
  }
  return listing;
}

Result<Listing> Model::List(const Path& path) {
  PLY_TRY(Stack dir, FindDir(path));
  return ListOf(dir);
}

bool Model::HasGhosts(const Path& dir) {
  Result<Stack> stack = FindDir(dir);
  if (!stack.ok()) return false;
  for (const auto& [name, type] : ListOf(*stack)) {
    if (Lookup(*stack, name).error() == ENOENT) return true;
  }
  return false;
}

Result<std::string> Model::ReadFile(const Path& path) {
  PLY_TRY(Stack stack, Find(path));
  if (stack.front().object->type != Type::kFile) return Errno(EINVAL);
  return stack.front().object->data;
}

Result<std::string> Model::ReadLink(const Path& path) {
  PLY_TRY(Stack stack, Find(path));
  if (stack.front().object->type != Type::kSymlink) return Errno(EINVAL);
  return stack.front().object->data;
}

Result<std::string> Model::GetXattr(const Path& path, const std::string& name) {
  PLY_TRY(Stack stack, Find(path));
  return ValueOf(*stack.front().object, name);
}

// L8, A6: those of the topmost member, under the names that the caller gave them.
Result<std::vector<std::string>> Model::ListXattr(const Path& path) {
  PLY_TRY(Stack stack, Find(path));
  std::vector<std::string> names;
  for (const auto& [name, value] : stack.front().object->xattrs) {
    if (IsPrivate(name) || !(name.starts_with("user.") || name.starts_with("trusted."))) continue;
    const std::string escaped = Record("overlay.");
    names.push_back(name.starts_with(escaped) ? Record("") + name.substr(escaped.size()) : name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace plyfs::model
