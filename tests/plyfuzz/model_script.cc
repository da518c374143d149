#include "tests/plyfuzz/model_script.h"

#include <fcntl.h>

#include <cstdio>
#include <map>

#include "tests/plyfuzz/prelude.h"
#include "tests/plyfuzz/script.h"

namespace plyfs::fuzz {
namespace {

using model::Object;
using model::Ref;
using model::Step;
using model::StepKind;
using model::Type;

std::string Octal(uint32_t mode) {
  char text[16];
  snprintf(text, sizeof text, "%05o", mode);
  return text;
}

std::string Hex(const std::string& bytes) {
  std::string out;
  for (char c : bytes) {
    char text[4];
    snprintf(text, sizeof text, "%02x", static_cast<unsigned char>(c));
    out += text;
  }
  return out;
}

std::string MakeLine(const Object& o, const std::string& at) {
  const std::string numbers = " " + std::to_string(o.major) + " " + std::to_string(o.minor);
  switch (o.type) {
    case Type::kFile:
      return "printf %s " + Quote(o.data) + " >" + at;
    case Type::kDir:
      return "mkdir " + at;
    case Type::kSymlink:
      return "ln -s -- " + Quote(o.data) + " " + at;
    case Type::kFifo:
      return "mkfifo " + at;
    case Type::kSocket:
      return "socket " + at;
    case Type::kChar:
      return "mknod " + at + " c" + numbers;
    case Type::kBlock:
      return "mknod " + at + " b" + numbers;
  }
  return "";
}

// As model::WriteLayer dresses it.
std::string DressLines(const Object& o, const std::string& at) {
  std::string lines;
  for (const auto& [name, value] : o.xattrs) {
    lines += "setfattr -h -n " + Quote(name) + (value.empty() ? "" : " -v 0x" + Hex(value)) + " " + at + "\n";
  }
  if (o.uid != 0 || o.gid != 0)
    lines += "chown -h " + std::to_string(o.uid) + ":" + std::to_string(o.gid) + " " + at + "\n";
  if (o.type != Type::kSymlink) lines += "chmod " + Octal(o.mode) + " " + at + "\n";
  return lines + "touch -h -a -d @1000000000.111222333 " + at + "; touch -h -m -d @1000000007.444555666 " +
         at + "\n";
}

std::string LayerLines(const Ref& dir, const std::string& at, std::map<const Object*, std::string>* written) {
  std::string lines;
  for (const auto& [name, entry] : dir->entries) {
    const std::string path = at + "/" + Quote(name);
    const auto [it, first] = written->emplace(entry.get(), path);
    if (!first && entry->type != Type::kDir) {
      lines += "ln " + it->second + " " + path + "\n";
      continue;
    }
    lines += MakeLine(*entry, path) + "\n";
    if (entry->type == Type::kDir) lines += LayerLines(entry, path, written);
    lines += DressLines(*entry, path);
  }
  return lines;
}

std::string Layers(const model::Case& c) {
  std::string lines, names;
  const auto add = [&lines](const Ref& root, const std::string& at) {
    std::map<const Object*, std::string> written;
    lines += LayerLines(root, at, &written) + DressLines(*root, at);
  };
  for (size_t i = 0; i < c.lowers.size(); ++i) {
    const std::string name = "$T/l" + std::to_string(i), at = "\"$T\"/l" + std::to_string(i);
    names += (names.empty() ? "" : ":") + name;
    lines += "mkdir " + at + "\n";
    add(c.lowers[i], at);
  }
  if (c.upper) add(c.upper, "\"$T\"/u");
  return lines + "LOWERS=" + names + "\n" + (c.upper ? "" : "NO_UPPER=1\n");
}

std::string Owner(uint32_t id) {
  return id == UINT32_MAX ? "-1" : std::to_string(id);
}

// Arguments that are not the path.
std::string MoreArguments(const Step& s) {
  const std::string number = ", " + std::to_string(s.offset), mode = ", 0o" + Octal(s.mode);
  const std::string name = ", " + PythonBytes(s.name), value = ", " + PythonBytes(s.value);
  switch (s.kind) {
    case StepKind::kGetXattr:
    case StepKind::kRemoveXattr:
      return name;
    case StepKind::kCreate:
    case StepKind::kMakeDir:
    case StepKind::kChmod:
    case StepKind::kTmpFile:
    case StepKind::kChmodSlot:
      return mode;
    case StepKind::kMakeNode:
      return ", 0o" + Octal(model::TypeBits(s.type) | s.mode) + ", " + std::to_string(s.offset % 2) + ", 0";
    case StepKind::kLink:
      return ", " + PythonBytes(s.path2);
    case StepKind::kRename:
      return ", " + PythonBytes(s.path2) + ", " + std::to_string(s.flags);
    case StepKind::kTruncate:
    case StepKind::kTruncateSlot:
      return number;
    case StepKind::kChown:
      return ", " + Owner(s.uid) + ", " + Owner(s.gid);
    case StepKind::kSetXattr:
      return name + value + ", " + std::to_string(s.flags);
    case StepKind::kSetXattrSlot:
      return name + value;
    case StepKind::kOpen:
      return ", " + std::to_string((s.how.write ? O_RDWR : O_RDONLY) | (s.how.truncate ? O_TRUNC : 0));
    case StepKind::kWriteSlot:
      return number + ", " + PythonBytes("w" + s.value);
    default:
      return "";
  }
}

std::string FunctionOf(const Step& s) {
  if (s.kind == StepKind::kTmpFile) return "tmpfile";
  std::string name = model::KindName(s.kind);
  for (char& c : name) c = c == ' ' ? '_' : c;
  return name;
}

// The call of model_steps.py.
std::string CallOf(const Step& s) {
  std::string call = "\"" + FunctionOf(s) + "\"";
  if (s.kind >= StepKind::kOpen) call += ", " + std::to_string(s.slot);
  if (s.kind == StepKind::kSymlink)
    return call + ", " + PythonBytes("to " + s.path2) + ", " + PythonBytes(s.path);
  const bool has_path = s.kind <= StepKind::kTmpFile || s.kind == StepKind::kLinkSlot;
  if (has_path) call += ", " + PythonBytes(s.path);
  return call + MoreArguments(s);
}

std::string Printable(const std::string& bytes) {
  std::string text;
  for (char c : bytes) text += c == '\0' ? std::string("\\0") : std::string(1, c);
  return text;
}

std::string DoesLine(const std::string& expected, const std::string& call) {
  return "does " + Quote(Printable(expected)) + " " + Quote(call) + "\n";
}

std::string StepLines(const std::vector<model::Taken>& taken, const model::Wrong& found) {
  std::string lines;
  for (size_t i = 0; i < taken.size(); ++i) {
    const Step& step = taken[i].step;
    const bool last = i + 1 == taken.size() && found.upper_expected.empty();
    if (step.kind == StepKind::kDropCaches || (taken[i].look && !last)) continue;
    lines += step.kind == StepKind::kRemount ? "remount\n" : DoesLine(taken[i].expected, CallOf(step));
  }
  if (found.upper_expected.empty()) return lines + "end\n";
  return lines + "end\n" +
         DoesLine("ok " + found.upper_expected,
                  "\"upper\", " + PythonBytes(found.upper_path) + ", " + (found.upper_given ? "1" : "0"));
}

}  // namespace

std::string FormatModelScript(const model::Case& c, const model::Subject& subject,
                              const std::vector<model::Taken>& taken, const model::Wrong& found) {
  std::string script =
      ScriptHead(found.text, "\"model\" stands for the model of plyfs: sh THIS --diff model MOUNT.");
  script += kPrelude;
  script += "\n# ---- the layers ----\n" + Layers(c);
  script += "AGAINST_MODEL=1\nKERNEL_OPTIONS=${KERNEL_OPTIONS-" + OptionsFor(c.options, {}) + "}\n" +
            "PROGRAM_OPTIONS=${PROGRAM_OPTIONS-" + OptionsFor(c.options, subject) + "}\n";
  script += "\n# ---- the steps, and what the model expects of each ----\nbegin\npython\n";
  script += std::string("steps <<'END'\n") + kModelSteps + "END\n";
  return script + StepLines(taken, found);
}

}  // namespace plyfs::fuzz
