#include "engine/testing/overlay.h"

#include <sys/stat.h>

#include <cstdio>

namespace plyfs::model {

std::pair<Path, std::string> SplitPath(const Path& path) {
  const size_t slash = path.rfind('/');
  if (slash == Path::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

Path JoinPath(const Path& dir, const std::string& name) {
  return dir.empty() ? name : dir + "/" + name;
}

bool IsWithin(const Path& path, const Path& dir) {
  return dir.empty() || path == dir || path.starts_with(dir + "/");
}

const char* TypeName(Type type) {
  switch (type) {
    case Type::kFile:
      return "file";
    case Type::kDir:
      return "dir";
    case Type::kSymlink:
      return "symlink";
    case Type::kFifo:
      return "fifo";
    case Type::kSocket:
      return "socket";
    case Type::kChar:
      return "char";
    case Type::kBlock:
      return "block";
  }
  return "?";
}

Type TypeOf(uint32_t mode) {
  static constexpr std::pair<uint32_t, Type> kTypes[] = {{S_IFDIR, Type::kDir},  {S_IFLNK, Type::kSymlink},
                                                         {S_IFIFO, Type::kFifo}, {S_IFSOCK, Type::kSocket},
                                                         {S_IFCHR, Type::kChar}, {S_IFBLK, Type::kBlock}};
  for (const auto& [bits, type] : kTypes) {
    if ((mode & S_IFMT) == bits) return type;
  }
  return Type::kFile;
}

uint32_t TypeBits(Type type) {
  static constexpr uint32_t kBits[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK};
  return kBits[static_cast<int>(type)];
}

std::string ToText(const Sight& sight) {
  char text[120];
  std::snprintf(text, sizeof text, "%s %o %u:%u links %u", TypeName(sight.type), sight.mode, sight.uid,
                sight.gid, sight.links);
  std::string out = text;
  if (sight.type == Type::kChar || sight.type == Type::kBlock) {
    out += " device " + std::to_string(sight.major) + ":" + std::to_string(sight.minor);
  }
  if (sight.type == Type::kFile || sight.type == Type::kSymlink) out += " size " + std::to_string(sight.size);
  return out;
}

namespace {

std::string Xattrs(Overlay& overlay, const Path& path) {
  Result<std::vector<std::string>> names = overlay.ListXattr(path);
  if (!names.ok()) return " listxattr errno " + std::to_string(names.error());
  std::string text;
  for (const std::string& name : *names) {
    Result<std::string> value = overlay.GetXattr(path, name);
    text += " " + name + "=" + (value.ok() ? *value : "errno " + std::to_string(value.error()));
  }
  return text;
}

std::string Content(const char* label, Result<std::string> text) {
  return std::string(" ") + label + " " + (text.ok() ? *text : "errno " + std::to_string(text.error()));
}

void See(Overlay& overlay, const Path& path, Ghosts ghosts, Tree* tree) {
  Result<Sight> sight = overlay.Stat(path);
  if (ghosts == Ghosts::kHide && sight.error() == ENOENT) return;
  std::string& text = (*tree)[path];
  if (!sight.ok()) {
    text = "errno " + std::to_string(sight.error());
    return;
  }
  text = ToText(*sight) + Xattrs(overlay, path);
  if (sight->type == Type::kFile) text += Content("text", overlay.ReadFile(path));
  if (sight->type == Type::kSymlink) text += Content("to", overlay.ReadLink(path));
  if (sight->type != Type::kDir) return;
  Result<Listing> listing = overlay.List(path);
  if (!listing.ok()) {
    text += " list errno " + std::to_string(listing.error());
    return;
  }
  for (const auto& [name, type] : *listing) See(overlay, JoinPath(path, name), ghosts, tree);
}

}  // namespace

Tree SeeTree(Overlay& overlay, Ghosts ghosts) {
  Tree tree;
  See(overlay, "", ghosts, &tree);
  return tree;
}

std::string WithoutLinks(std::string text) {
  constexpr std::string_view kWord = " links ";
  const size_t links = text.find(kWord);
  if (links != std::string::npos) text.erase(links, text.find(' ', links + kWord.size()) - links);
  return text;
}

Tree SeeWithoutLinks(Overlay& overlay) {
  Tree tree = SeeTree(overlay, Ghosts::kHide);
  for (auto& [path, text] : tree) text = WithoutLinks(std::move(text));
  return tree;
}

}  // namespace plyfs::model
