// Steps: run on an overlay, and as text.
#include <stdio.h>
#include <string.h>

#include "engine/testing/layer_on_disk.h"
#include "engine/testing/overlay_case.h"

namespace plyfs::model {
namespace {

std::string Answer(const Status& status) {
  return status.ok() ? "ok" : std::string(::strerrorname_np(status.error()));
}

std::string Answer(const Result<std::string>& text) {
  return text.ok() ? "ok " + *text : Answer(Status(text.status()));
}

std::string Answer(const Result<Sight>& sight) {
  return sight.ok() ? "ok " + ToText(*sight) : Answer(Status(sight.status()));
}

std::string ListWithoutGhosts(Overlay& o, const Path& path) {
  Result<Listing> listing = o.List(path);
  if (!listing.ok()) return Answer(Status(listing.status()));
  std::string text = "ok";
  for (const auto& [name, type] : *listing) {
    // Twice, for a call that fails once says nothing of what is there.
    const Path at = JoinPath(path, name);
    if (o.Stat(at).error() != ENOENT && o.Stat(at).error() != ENOENT)
      text += " " + name + ":" + TypeName(type);
  }
  return text;
}

std::string Answer(const Result<std::vector<std::string>>& names) {
  if (!names.ok()) return Answer(Status(names.status()));
  std::string text = "ok";
  for (const std::string& name : *names) text += " " + name;
  return text;
}

std::string RunOnPaths(Overlay& o, const Step& s) {
  switch (s.kind) {
    case StepKind::kStat:
      return Answer(o.Stat(s.path));
    case StepKind::kList:
      return ListWithoutGhosts(o, s.path);
    case StepKind::kReadFile:
      return Answer(o.ReadFile(s.path));
    case StepKind::kReadLink:
      return Answer(o.ReadLink(s.path));
    case StepKind::kGetXattr:
      return Answer(o.GetXattr(s.path, s.name));
    case StepKind::kListXattr:
      return Answer(o.ListXattr(s.path));
    case StepKind::kCreate:
      return Answer(o.Create(s.path, s.mode));
    case StepKind::kMakeDir:
      return Answer(o.MakeDir(s.path, s.mode));
    case StepKind::kMakeNode:
      return Answer(o.MakeNode(s.path, s.type, s.mode, s.offset % 2, 0));
    case StepKind::kSymlink:
      return Answer(o.Symlink("to " + s.path2, s.path));
    case StepKind::kLink:
      return Answer(o.Link(s.path, s.path2));
    case StepKind::kUnlink:
      return Answer(o.Unlink(s.path));
    case StepKind::kRemoveDir:
      return Answer(o.RemoveDir(s.path));
    case StepKind::kRename:
      return Answer(o.Rename(s.path, s.path2, s.flags));
    case StepKind::kTruncate:
      return Answer(o.Truncate(s.path, s.offset));
    case StepKind::kChmod:
      return Answer(o.Chmod(s.path, s.mode));
    case StepKind::kChown:
      return Answer(o.Chown(s.path, s.uid, s.gid));
    case StepKind::kSetXattr:
      return Answer(o.SetXattr(s.path, s.name, s.value, static_cast<int>(s.flags)));
    default:
      return Answer(o.RemoveXattr(s.path, s.name));
  }
}

struct KindWords {
  const char* name;
  bool path2;
};
constexpr KindWords kKindNames[kStepKinds] = {
    {"stat", false},          {"list", false},        {"read", false},        {"readlink", false},
    {"getxattr", false},      {"listxattr", false},   {"create", false},      {"mkdir", false},
    {"mknod", false},         {"symlink", true},      {"link", true},         {"unlink", false},
    {"rmdir", false},         {"rename", true},       {"truncate", false},    {"chmod", false},
    {"chown", false},         {"setxattr", false},    {"removexattr", false}, {"open", false},
    {"O_TMPFILE", false},     {"close", false},       {"read slot", false},   {"write slot", false},
    {"truncate slot", false}, {"stat slot", false},   {"chmod slot", false},  {"setxattr slot", false},
    {"link slot", false},     {"drop caches", false}, {"remount", false}};

}  // namespace

std::string RunStep(Overlay& o, const Step& s) {
  switch (s.kind) {
    case StepKind::kOpen:
      return Answer(o.Open(s.slot, s.path, s.how));
    case StepKind::kTmpFile:
      return Answer(o.TmpFile(s.slot, s.path, s.mode));
    case StepKind::kClose:
      return Answer(o.Close(s.slot));
    case StepKind::kReadSlot:
      return Answer(o.ReadSlot(s.slot));
    case StepKind::kWriteSlot:
      return Answer(o.WriteSlot(s.slot, s.offset, "w" + s.value));
    case StepKind::kTruncateSlot:
      return Answer(o.TruncateSlot(s.slot, s.offset));
    case StepKind::kStatSlot:
      return Answer(o.StatSlot(s.slot));
    case StepKind::kChmodSlot:
      return Answer(o.ChmodSlot(s.slot, s.mode));
    case StepKind::kSetXattrSlot:
      return Answer(o.SetXattrSlot(s.slot, s.name, s.value));
    case StepKind::kLinkSlot:
      return Answer(o.LinkSlot(s.slot, s.path));
    case StepKind::kDropCaches:
      return Answer(o.DropCaches());
    case StepKind::kRemount:
      return Answer(o.Remount());
    default:
      return RunOnPaths(o, s);
  }
}

std::vector<Step> LooksAtOpenFiles() {
  std::vector<Step> looks;
  for (int slot = 0; slot < kSlots; ++slot) {
    for (const StepKind kind : {StepKind::kReadSlot, StepKind::kStatSlot}) {
      Step look;
      look.kind = kind;
      look.slot = slot;
      looks.push_back(look);
    }
  }
  return looks;
}

std::string KindName(StepKind kind) {
  return kKindNames[static_cast<int>(kind)].name;
}

std::string ToText(const Step& s) {
  const KindWords& kind = kKindNames[static_cast<int>(s.kind)];
  char more[200] = "";
  switch (s.kind) {
    case StepKind::kCreate:
    case StepKind::kMakeDir:
    case StepKind::kChmod:
      std::snprintf(more, sizeof more, " mode %o", s.mode);
      break;
    case StepKind::kMakeNode:
      std::snprintf(more, sizeof more, " %s %u:0 mode %o", TypeName(s.type),
                    static_cast<unsigned>(s.offset % 2), s.mode);
      break;
    case StepKind::kRename:
      std::snprintf(more, sizeof more, " flags %u", s.flags);
      break;
    case StepKind::kTruncate:
      std::snprintf(more, sizeof more, " to %u", static_cast<unsigned>(s.offset));
      break;
    case StepKind::kChown:
      std::snprintf(more, sizeof more, " %d:%d", static_cast<int>(s.uid), static_cast<int>(s.gid));
      break;
    case StepKind::kGetXattr:
    case StepKind::kRemoveXattr:
      std::snprintf(more, sizeof more, " %s", s.name.c_str());
      break;
    case StepKind::kSetXattr:
      std::snprintf(more, sizeof more, " %s=%s flags %u", s.name.c_str(), s.value.c_str(), s.flags);
      break;
    case StepKind::kOpen:
      std::snprintf(more, sizeof more, " in slot %d%s%s", s.slot, s.how.write ? " write" : "",
                    s.how.truncate ? " truncate" : "");
      break;
    default:
      if (s.kind >= StepKind::kTmpFile && s.kind <= StepKind::kLinkSlot) {
        std::snprintf(more, sizeof more, " %d: mode %o, offset %u, %s=%s", s.slot, s.mode,
                      static_cast<unsigned>(s.offset), s.name.c_str(), s.value.c_str());
      }
  }
  std::string text = kind.name;
  if (s.kind < StepKind::kClose || s.kind == StepKind::kLinkSlot) text += " /" + s.path;
  if (kind.path2) text += " /" + s.path2;
  return text + more;
}

std::string ToText(const Case& c) {
  static constexpr const char* kRedirectNames[] = {"off", "follow", "nofollow", "on"};
  std::string text = "options: redirect_dir=";
  text += kRedirectNames[static_cast<int>(c.options.redirect_dir)];
  if (c.options.userxattr) text += ",userxattr";
  if (c.options.opaque_mkdir) text += ",xino=on";
  text += "\n";
  const auto layer = [&text](const std::string& name, const Ref& root) {
    for (const auto& [path, line] : LayerText(root)) text += name + "/" + path + ": " + line + "\n";
  };
  if (c.upper) layer("upper", c.upper);
  for (size_t i = 0; i < c.lowers.size(); ++i) layer("lower" + std::to_string(i + 1), c.lowers[i]);
  for (size_t i = 0; i < c.steps.size(); ++i)
    text += std::to_string(i + 1) + ": " + ToText(c.steps[i]) + "\n";
  return text;
}

}  // namespace plyfs::model
