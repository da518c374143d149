#include "engine/format/layer_options.h"

#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/format/option_text.h"

namespace plyfs {
namespace {

// fuse-overlayfs gives such a layer to a plugin; without one it is dropped there, which loses data silently.
bool NamesPlugin(std::string_view path) {
  return path.starts_with("//");
}

bool CheckPath(OptionDraft& draft, std::string_view path) {
  if (path.empty()) return draft.Fail("names no directory");
  if (path.find('\0') != std::string_view::npos) return draft.Fail("holds a NUL byte");
  if (NamesPlugin(path)) {
    return draft.Fail("layers served by plugins (//NAME/DATA/PATH) are not supported",
                      "begin a directory's path with one slash");
  }
  return true;
}

bool CheckPaths(OptionDraft& draft, const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (!CheckPath(draft, path)) return false;
  }
  return true;
}

// A:B::D without escapes, for items of a file.
std::string EscapeBackslashes(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string OnePath(const OptionDraft& draft, std::string_view value) {
  return draft.verbatim ? std::string(value) : Unescape(value);
}

// lowerdir+ and datadir+ take a path as it is (M6); but a comma that ends no option has a backslash before
// it.
std::string AddedPath(const OptionDraft& draft, std::string_view value) {
  if (draft.verbatim) return std::string(value);
  std::string path;
  for (size_t i = 0; i < value.size(); ++i) {
    const bool escapes = value.substr(i).starts_with("\\,");
    if (!escapes) path += value[i];
  }
  return path;
}

bool MayAdd(OptionDraft& draft) {
  return !draft.lowers_replace ||
         draft.Fail("stands after lowerdir=, to which nothing can be added", "use one of the two");
}

bool SetLowersFromList(OptionDraft& draft, std::string_view name) {
  if (!draft.context->read_list) return draft.Fail("files are not read here");
  Result<std::string> text = draft.context->read_list(name);
  if (!text.ok()) {
    return draft.Fail(std::string("cannot read the list: ") + std::strerror(text.error()),
                      "name a readable file of one directory a line");
  }
  StackConfig& stack = draft.out.stack;
  // lowerdir+= before it stays on top; a lowerdir= before it is replaced, as the last of a key counts (M5).
  if (draft.lowers_replace || draft.lowers_by_list) stack.lowerdirs.clear();
  std::vector<std::string> paths = SplitList(*text);
  if (paths.empty()) return draft.Fail("the list is empty", "write one directory a line");
  if (!CheckPaths(draft, paths)) return false;
  for (std::string& path : paths) stack.lowerdirs.push_back(std::move(path));
  draft.out.lowerdir_text.clear();
  draft.lowers_replace = false;
  draft.lowers_by_list = true;
  return true;
}

}  // namespace

bool SetLowers(OptionDraft& draft, std::string_view value) {
  if (value.starts_with('@')) return SetLowersFromList(draft, value.substr(1));
  bool tolerant = draft.context->personality == Personality::kFuseOverlayfs;
  std::string text = draft.verbatim ? EscapeBackslashes(value) : std::string(value);
  std::string why;
  std::optional<LowerList> list = SplitLowers(text, tolerant, &why);
  if (!list) return draft.Fail(why);
  if (!CheckPaths(draft, list->lowers) || !CheckPaths(draft, list->data)) return false;
  draft.out.stack.lowerdirs = std::move(list->lowers);
  draft.out.stack.datadirs = std::move(list->data);
  draft.out.lowerdir_text = draft.verbatim ? std::string() : std::move(text);
  draft.lowers_replace = true;
  draft.lowers_by_list = false;
  return true;
}

bool AddLower(OptionDraft& draft, std::string_view value) {
  std::string path = AddedPath(draft, value);
  if (!CheckPath(draft, path) || !MayAdd(draft)) return false;
  if (!draft.out.stack.datadirs.empty()) {
    return draft.Fail("an ordinary layer after a data-only one",
                      "put every lowerdir+= before the first datadir+=");
  }
  draft.out.stack.lowerdirs.push_back(std::move(path));
  return true;
}

bool AddData(OptionDraft& draft, std::string_view value) {
  std::string path = AddedPath(draft, value);
  if (!CheckPath(draft, path) || !MayAdd(draft)) return false;
  if (draft.out.stack.lowerdirs.empty()) {
    return draft.Fail("a data-only layer above every ordinary one", "put lowerdir+= before it");
  }
  draft.out.stack.datadirs.push_back(std::move(path));
  return true;
}

bool SetUpper(OptionDraft& draft, std::string_view value) {
  draft.out.stack.upperdir = OnePath(draft, value);
  draft.out.upperdir_text = draft.verbatim ? std::string() : std::string(value);
  return CheckPath(draft, draft.out.stack.upperdir);
}

bool SetWork(OptionDraft& draft, std::string_view value) {
  draft.out.stack.workdir = OnePath(draft, value);
  draft.out.workdir_text = draft.verbatim ? std::string() : std::string(value);
  return CheckPath(draft, draft.out.stack.workdir);
}

}  // namespace plyfs
