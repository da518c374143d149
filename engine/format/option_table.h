// OptionDraft and the table of options: what each option by itself does to a mount that is being described.
// What options do to each other is mount_options.cc.  Only for mount_options; pure.
#ifndef PLYFS_ENGINE_FORMAT_OPTION_TABLE_H_
#define PLYFS_ENGINE_FORMAT_OPTION_TABLE_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/format/mount_options.h"

namespace plyfs {

struct OptionDraft {
  ParsedOptions out;
  const OptionContext* context = nullptr;
  bool strict = false;
  bool verbatim = false;  // the item comes from a file: backslashes are ordinary bytes

  // As given, before defaults and conflicts.
  std::optional<RedirectDir> redirect_dir;
  bool metacopy = false;
  std::optional<bool> index;
  bool nfs_export = false;
  const char* verity = nullptr;  // what was asked for, as it is refused
  std::optional<bool> threaded;
  bool squash_to_root = false;
  bool lowers_replace = false;  // lowers came by lowerdir=A:B, after which lowerdir+= is refused (M6)
  bool lowers_by_list = false;  // lowers came by lowerdir=@FILE

  // Set by what fails: the cause, and, where the table's remedy does not fit, a better one.
  std::string cause, remedy;

  bool Fail(std::string why, std::string better = {});
};

enum class OptionArg {
  kNone,    // key
  kValue,   // key=value
  kSwitch,  // key, key=0, key=1, key=off, key=on: apply is given "0" or "1"
  kAny,     // key or key=value, not looked at
};

struct OptionRule {
  std::string_view key;
  OptionArg arg;
  std::string_view remedy;  // what to write instead
  // False: refused, draft.cause (or "not understood") says why.  Null: accepted quietly.
  bool (*apply)(OptionDraft& draft, std::string_view value);
};

// Null: no such option.
const OptionRule* FindOption(std::string_view key);
// An option that takes a value and whose name is one typo away; null: none.
const OptionRule* FindMistyped(std::string_view key);
std::vector<std::string> OptionNames();

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_OPTION_TABLE_H_
