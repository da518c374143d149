#include "tests/plyfuzz/script.h"

#include <sys/stat.h>

#include <cstdio>
#include <set>

#include "tests/plyfuzz/prelude.h"

namespace plyfs::fuzz {
namespace {

using diff::Entry;
using diff::EntryKind;

bool StartsWith(const std::string& text, const std::string& start) {
  return text.compare(0, start.size(), start) == 0;
}

std::string Place(const Entry& entry) {
  const std::string layer = entry.layer == diff::kUpperLayer ? "u" : "l" + std::to_string(entry.layer);
  return "\"$T\"/" + layer + (entry.path.empty() ? "" : "/" + Quote(entry.path));
}

std::string MakeLine(const Entry& e, const std::string& at) {
  const std::string seed = std::to_string(e.content % 100000), size = std::to_string(e.size);
  const std::string numbers = " " + std::to_string(e.major) + " " + std::to_string(e.minor);
  switch (e.kind) {
    case EntryKind::kFile:
      return (e.sparse ? "sparse " : "fill ") + at + " " + seed + " " + size;
    case EntryKind::kDir:
      return e.path.empty() ? "" : "mkdir " + at;
    case EntryKind::kSymlink:
      return "ln -s -- " + Quote(e.target) + " " + at;
    case EntryKind::kLink: {
      Entry target = e;
      target.path = e.target;
      return "ln " + Place(target) + " " + at;
    }
    case EntryKind::kFifo:
      return "mkfifo " + at;
    case EntryKind::kSocket:
      return "socket " + at;
    case EntryKind::kChar:
      return "mknod " + at + " c" + numbers;
    case EntryKind::kBlock:
      return "mknod " + at + " b" + numbers;
    case EntryKind::kWhiteout:
      return "mknod " + at + " c 0 0";
  }
  return "";
}

std::string TimeArgument(int64_t seconds, int64_t nanoseconds) {
  char text[64];
  snprintf(text, sizeof text, "@%lld.%09lld", static_cast<long long>(seconds),
           static_cast<long long>(nanoseconds));
  return text;
}

bool HasAttributes(const Entry& e) {
  return e.kind != EntryKind::kLink && e.kind != EntryKind::kWhiteout;
}

// The entries that are written, as diff::WriteWorld chooses them: not those below or linked to what is left
// out.
std::vector<const Entry*> Written(const diff::World& world, const std::set<size_t>& dropped) {
  std::vector<const Entry*> out;
  std::set<std::pair<int, std::string>> there;
  for (size_t i = 0; i < world.entries.size(); ++i) {
    const Entry& e = world.entries[i];
    const bool next_goes =
        i + 1 < world.entries.size() && world.entries[i + 1].with_previous && dropped.contains(i + 1);
    const bool goes = dropped.contains(i) || (e.with_previous && dropped.contains(i - 1)) || next_goes;
    if (goes && !e.path.empty()) continue;
    const size_t slash = e.path.rfind('/');
    const std::string parent = slash == std::string::npos ? "" : e.path.substr(0, slash);
    if (!e.path.empty() && !there.contains({e.layer, parent})) continue;
    if (e.kind == EntryKind::kLink && !there.contains({e.layer, e.target})) continue;
    there.insert({e.layer, e.path});
    out.push_back(&e);
  }
  return out;
}

std::string Comment(const std::string& text) {
  std::string out = "# ";
  for (char c : text) out += c == '\n' ? std::string("\n# ") : std::string(1, c >= ' ' || c < 0 ? c : '?');
  return out + "\n";
}

// What of an object is told: what differs, and nothing that is known to.
std::string Interests(const std::string& kind, const std::set<std::string>& ignored) {
  std::string format, more;
  if (!ignored.contains("nlink")) format = " links %h";
  if (kind == "blksize") format += " block %o";
  if (!ignored.contains("mtime")) more += "MTIME=1\n";
  if (!ignored.contains("xattrs")) more += "XATTRS=1\n";
  if (kind == "has btime" || kind == "btime") more += "BIRTH=1\n";
  if (kind == "inode number") more += "INODES=1\n";
  if (kind == "atime") more += "ATIME=1\n";
  if (kind == "d_ino" || kind == "d_type" || kind == "d_type against stat") more += "LIST_NUMBERS=1\n";
  return "FORMAT='" + format + "'\n" + more;
}

// The objects that the last step is about.
std::set<std::string> Subjects(const diff::Step& step) {
  std::set<std::string> out;
  if (step.op >= diff::Op::kRemount) return out;
  for (const std::string& path : {step.path, step.path2}) {
    if (path.empty() && diff::UsesSlot(step.op)) continue;
    const size_t slash = path.rfind('/');
    out.insert(path.empty() ? "." : path);
    out.insert(slash == std::string::npos ? "." : path.substr(0, slash));
  }
  return out;
}

bool IsFault(const diff::Step& step) {
  return step.op == diff::Op::kRemount && step.b != 0;
}

bool HasFaults(const diff::RunPlan& plan) {
  for (const diff::Step& step : *plan.fixed) {
    if (IsFault(step)) return true;
  }
  return false;
}

std::string LastStep(const diff::RunPlan& plan, const diff::Step& step, const std::string& kind) {
  const std::set<std::string> subjects = Subjects(step);
  const std::string which = kind == "mtime moved" ? "y" : kind == "ctime moved" ? "z" : "";
  std::string before, after;
  for (const std::string& path : subjects) {
    after += "seen " + Quote(path) + "\n";
    if (!which.empty()) before += "moved " + which + " " + Quote(path) + "\n";
  }
  const bool slot = diff::UsesSlot(step.op) || step.op == diff::Op::kOpen || step.op == diff::Op::kTmpfile;
  if (slot && step.op != diff::Op::kClose) after += "py 'r = look(fd[" + std::to_string(step.slot) + "])'\n";
  return before + StepLine(step, plan.cross) + "\n" + before + after;
}

std::string FaultedStep(const diff::RunPlan& plan, const diff::Step& step, const diff::Step& fault) {
  const std::string line = StepLine(step, plan.cross);
  if (!diff::IsWhole(step)) return fault.b == diff::kFullDisk ? line : line + "\nkilled";
  return (fault.b == diff::kFullDisk ? "full " : "killed " + std::to_string(fault.b) + " ") + line;
}

std::string Steps(const diff::RunPlan& plan, const std::string& kind) {
  std::string lines;
  const std::vector<diff::Step>& steps = *plan.fixed;
  for (size_t i = 0; i < steps.size(); ++i) {
    const bool last = i + 1 == steps.size();
    if (!last && IsFault(steps[i + 1])) {
      lines += FaultedStep(plan, steps[i], steps[i + 1]) + "\n";
    } else {
      lines +=
          last && !IsFault(steps[i]) ? LastStep(plan, steps[i], kind) : StepLine(steps[i], plan.cross) + "\n";
    }
  }
  if (lines.find("\npy ") != std::string::npos || StartsWith(lines, "py ") ||
      lines.find(" py '") != std::string::npos)
    lines = "python\n" + lines;
  return lines;
}

std::string Ending(const diff::RunPlan& plan, const diff::Difference& found) {
  std::string lines = "tree 'at the end' \"$M\"\nend\n";
  if (!plan.cross) return lines;
  if (StartsWith(found.kind, "upper")) lines += "tree 'the upper directory' \"$T/u\"\n";
  if (found.kind == "workdir") lines += "tree 'the work directory' \"$T/w\"\n";
  const bool crossed = StartsWith(found.text, "layers ") || StartsWith(found.text, "cross-mounted");
  if (crossed) lines += "begin\nremount crossed\ntree 'mounted by the other' \"$M\"\nend\n";
  return lines;
}

std::string Layers(const diff::RunPlan& plan) {
  const diff::World world = MakeWorld(plan.world);
  std::string lines = "mkdir", names;
  for (int i = 0; i < plan.world.lowers; ++i) {
    if (plan.absent.contains(i)) continue;
    const std::string layer = "$T/l" + std::to_string(i);
    lines += " \"" + layer + "\"";
    names += (names.empty() ? "" : ":") + layer;
  }
  lines += "\n";
  std::vector<const Entry*> written = Written(world, plan.dropped);
  std::erase_if(written, [&](const Entry* entry) { return plan.absent.contains(entry->layer); });
  for (const Entry* entry : written) lines += EntryLines(*entry, plan.world.userxattr);
  for (auto it = written.rbegin(); it != written.rend(); ++it) lines += TimesLines(**it);
  return lines + "LOWERS=" + names + "\n";
}

std::string Options(const diff::RunPlan& plan) {
  const std::string kernel = diff::KernelMountOptions(plan.redirect, plan.world.userxattr, plan.options);
  const std::string program =
      diff::ProgramMountOptions(plan.against, plan.redirect, plan.world.userxattr, plan.options);
  return "KERNEL_OPTIONS=${KERNEL_OPTIONS-" + kernel + "}\nPROGRAM_OPTIONS=${PROGRAM_OPTIONS-" + program +
         "}\n";
}

}  // namespace

std::string Quote(const std::string& bytes) {
  if (!bytes.empty() && bytes[0] != '-' &&
      bytes.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,=@%+-") ==
          std::string::npos) {
    return bytes;
  }
  std::string out = "'";
  for (char c : bytes) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string PythonBytes(const std::string& bytes) {
  std::string out = "b\"";
  for (char c : bytes) {
    char text[8];
    const bool plain = c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != '\'';
    snprintf(text, sizeof text, plain ? "%c" : "\\x%02x", static_cast<unsigned char>(c));
    out += text;
  }
  return out + "\"";
}

std::string EntryLines(const Entry& e, bool userxattr) {
  const std::string at = Place(e);
  std::string lines = MakeLine(e, at);
  if (!lines.empty()) lines += "\n";
  if (!HasAttributes(e)) return lines;
  const std::string owner = std::to_string(e.uid) + ":" + std::to_string(e.gid);
  if (owner != "0:0") lines += "chown -h " + owner + " " + at + "\n";
  if (e.kind != EntryKind::kSymlink) {
    char mode[16];
    snprintf(mode, sizeof mode, "%05o", e.mode);
    lines += std::string("chmod ") + mode + " " + at + "\n";
  }
  for (const auto& [name, value] : e.xattrs) {
    std::string hex;
    for (char c : value) {
      char text[4];
      snprintf(text, sizeof text, "%02x", static_cast<unsigned char>(c));
      hex += text;
    }
    lines += "setfattr -h -n " + Quote(userxattr ? diff::InOtherFamily(name) : name) +
             (hex.empty() ? "" : " -v 0x" + hex) + " " + at + (userxattr ? " 2>/dev/null" : "") + "\n";
  }
  return lines;
}

// As diff::WriteWorld sets them.
std::string TimesLines(const Entry& e) {
  if (!HasAttributes(e) || e.mtime == 0) return "";
  return "touch -h -m -d " + TimeArgument(e.mtime, e.mtime * 999983 % 1000000000) + " " + Place(e) +
         "; touch -h -a -d " + TimeArgument(e.atime, e.atime % 1000 * 1000 + 7) + " " + Place(e) + "\n";
}

std::string ScriptHead(const std::string& found, const std::string& more) {
  std::string head = "#!/bin/sh\n";
  head +=
      "# sh THIS MOUNT [OTHER]: takes the steps below on a fresh overlay that MOUNT mounts and prints what "
      "comes\n";
  head +=
      "# of them.  MOUNT is \"kernel\" (mount -t overlay) or a program that is called as PROGRAM -o "
      "OPTIONS\n";
  head += "# MOUNTPOINT.  Where the steps cross over, OTHER goes on with what MOUNT wrote, and back.\n";
  head +=
      "# sh THIS --diff ONE TWO: does so with both and shows where they differ; exit status 2 where they "
      "do.\n";
  if (!more.empty()) head += "# " + more + "\n";
  head += "# The layers are made in $DIR (else here), which must be able to hold an upper directory.\n";
  head +=
      "# KERNEL_OPTIONS and PROGRAM_OPTIONS in the environment take the place of the mount options "
      "below.\n#\n";
  return head + Comment("Found: " + found.substr(0, 2000)) + "\n";
}

std::string FormatScript(const diff::RunPlan& plan, const diff::Difference& found) {
  std::string script = ScriptHead(found.text);
  script += kPrelude;
  script += "\n# ---- the layers ----\n";
  if (HasFaults(plan)) script += "own_fs\n";
  script += Layers(plan) + "\n" + Options(plan);
  script += "\n# ---- the steps ----\n" + Interests(found.kind, plan.ignored);
  script += "begin\ntree 'at the start' \"$M\"\n" + Steps(plan, found.kind) + Ending(plan, found);
  return script;
}

std::string FormatThreadsScript(const diff::RunPlan& plan,
                                const std::vector<std::vector<diff::Step>>& clients,
                                const diff::Difference& found) {
  std::string script =
      ScriptHead(found.text, "What comes of clients that meet is chance: try it several times.");
  script += kPrelude;
  script += "\n# ---- the layers ----\n" + Layers(plan) + "\n" + Options(plan);
  script += "\n# ---- what each client does ----\nFORMAT=' links %h'\nMTIME=1\nXATTRS=1\n";
  std::string begin;
  for (size_t i = 0; i < clients.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    std::string lines;
    for (const diff::Step& step : clients[i]) lines += "  " + StepLine(step, false) + "\n";
    const bool python = lines.find("  py ") != std::string::npos;
    script += "client_" + number + "() {\n" + (python ? "  python\n" : "") + lines + "}\n";
    begin += "client " + number + "\n";
  }
  return script + "\nbegin\n" + begin + "together" + (plan.cross ? " crossed" : "") + "\n";
}

}  // namespace plyfs::fuzz
