#include "tests/differential/step.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>

namespace plyfs::diff {
namespace {

constexpr std::array<std::string_view, kOps> kNames = {
    "create",    "mkdir",     "mknod",     "symlink",   "link",    "unlink",   "rmdir",    "rename",
    "tmpfile",   "linkat",    "open",      "close",     "read",    "write",    "mmapread", "mmapwrite",
    "ftruncate", "fallocate", "copyrange", "seek",      "fchmod",  "fchown",   "futimens", "fsetxattr",
    "fsync",     "flock",     "chmod",     "chown",     "utimens", "truncate", "setxattr", "removexattr",
    "getxattr",  "listxattr", "setacl",    "removeacl", "readdir", "readlink", "access",   "statfs",
    "exec",      "remount",   "readonly",  "check"};
static_assert(kNames.back() == "check");

bool Plain(char c) {
  return c > ' ' && c < 0x7f && c != '%' && c != '=';
}

std::string Escape(const std::string& bytes) {
  std::string out;
  for (char c : bytes) {
    char hex[4];
    snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned char>(c));
    out += Plain(c) ? std::string(1, c) : hex;
  }
  return out;
}

bool Unescape(std::string_view text, std::string* bytes) {
  bytes->clear();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      *bytes += text[i];
      continue;
    }
    unsigned value = 0;
    if (i + 3 > text.size()) return false;
    const char* end = text.data() + i + 3;
    if (std::from_chars(text.data() + i + 1, end, value, 16).ptr != end) return false;
    *bytes += static_cast<char>(value);
    i += 2;
  }
  return true;
}

void AddNumber(std::string* line, const char* key, int64_t value) {
  if (value != 0) *line += std::string(" ") + key + "=" + std::to_string(value);
}

// Modes and umasks are read in octal by everyone.
void AddOctal(std::string* line, const char* key, int64_t value) {
  char text[32];
  snprintf(text, sizeof text, " %s=0%llo", key, static_cast<unsigned long long>(value));
  if (value != 0) *line += text;
}

bool TakesMode(Op op) {
  return op == Op::kCreate || op == Op::kMkdir || op == Op::kMknod || op == Op::kTmpfile ||
         op == Op::kChmod || op == Op::kFchmod || op == Op::kSetAcl;
}

bool TakesUmask(Op op) {
  return op == Op::kCreate || op == Op::kMkdir || op == Op::kMknod;
}

void AddText(std::string* line, const char* key, const std::string& value) {
  if (!value.empty()) *line += std::string(" ") + key + "=" + Escape(value);
}

bool ParseNumber(std::string_view text, int64_t* out) {
  const int base = text.size() > 1 && text[0] == '0' ? 8 : 10;
  const char* const end = text.data() + text.size();
  return std::from_chars(text.data(), end, *out, base).ptr == end;
}

bool SetField(std::string_view key, std::string_view text, Step* step) {
  if (key == "path") return Unescape(text, &step->path);
  if (key == "path2") return Unescape(text, &step->path2);
  if (key == "name") return Unescape(text, &step->name);
  if (key == "value") return Unescape(text, &step->value);
  int64_t number = 0;
  if (!ParseNumber(text, &number)) return false;
  const bool slot_ok = number >= 0 && number < kSlots;
  if (key == "a")
    step->a = number;
  else if (key == "b")
    step->b = number;
  else if (key == "c")
    step->c = number;
  else if (key == "watch")
    step->watch = number != 0;
  else if (key == "slot" && slot_ok)
    step->slot = static_cast<int>(number);
  else if (key == "slot2" && slot_ok)
    step->slot2 = static_cast<int>(number);
  else if (key == "user" && number >= 0 && number < static_cast<int64_t>(Users().size()))
    step->user = static_cast<int>(number);
  else
    return false;
  return true;
}

std::string_view NextWord(std::string_view* line) {
  const size_t begin = std::min(line->find_first_not_of(' '), line->size());
  line->remove_prefix(begin);
  std::string_view word = line->substr(0, line->find(' '));
  line->remove_prefix(word.size());
  return word;
}

std::string RenameLabel(int64_t flags) {
  if (flags == 0) return "rename";
  if (flags == RENAME_NOREPLACE) return "rename NOREPLACE";
  if (flags == RENAME_EXCHANGE) return "rename EXCHANGE";
  return "rename bad flags";
}

}  // namespace

const std::vector<User>& Users() {
  static const std::vector<User> users = {
      {0, 0, {}}, {1000, 1000, {1000}}, {1001, 1001, {1001}}, {1002, 1002, {1000, 1002}}};
  return users;
}

std::string_view OpName(Op op) {
  return kNames[static_cast<size_t>(op)];
}

bool UsesSlot(Op op) {
  return (op >= Op::kClose && op <= Op::kFlock) || op == Op::kLinkat;
}

bool IsBadRename(int64_t flags) {
  return flags != 0 && flags != RENAME_NOREPLACE && flags != RENAME_EXCHANGE;
}

bool ChangesMetadataOfSlot(Op op) {
  return op >= Op::kFchmod && op <= Op::kFsetxattr;
}

std::string Label(const Step& step) {
  switch (step.op) {
    case Op::kRename:
      return RenameLabel(step.a);
    case Op::kOpen:
      return step.a & O_TRUNC ? "open O_TRUNC" : "open";
    case Op::kTmpfile:
      return "O_TMPFILE";
    case Op::kCopyRange:
      return "copy_file_range";
    case Op::kMmapWrite:
      return "write through mmap";
    case Op::kSeek:
      return step.b == SEEK_HOLE ? "SEEK_HOLE" : step.b == SEEK_DATA ? "SEEK_DATA" : "seek bad whence";
    case Op::kReaddir:
      return "readdir with seek";
    case Op::kRemount:
      return step.a != 0 ? "remount crossed" : "remount";
    case Op::kReadonly:
      return step.a != 0 ? "remount ro" : "remount rw";
    default:
      return std::string(OpName(step.op));
  }
}

timespec StepTime(int64_t seconds) {
  if (seconds == -1) return {0, UTIME_NOW};
  if (seconds == -2) return {0, UTIME_OMIT};
  return {seconds, 123456789};
}

std::string FormatStep(const Step& step) {
  std::string line(OpName(step.op));
  AddText(&line, "path", step.path);
  AddText(&line, "path2", step.path2);
  AddText(&line, "name", step.name);
  AddText(&line, "value", step.value);
  AddNumber(&line, "slot", step.slot);
  AddNumber(&line, "slot2", step.slot2);
  (TakesMode(step.op) ? AddOctal : AddNumber)(&line, "a", step.a);
  (TakesUmask(step.op) ? AddOctal : AddNumber)(&line, "b", step.b);
  AddNumber(&line, "c", step.c);
  AddNumber(&line, "user", step.user);
  AddNumber(&line, "watch", step.watch);
  return line;
}

std::optional<Step> ParseStep(std::string_view line) {
  Step step;
  const std::string_view name = NextWord(&line);
  size_t op = 0;
  while (op < kNames.size() && kNames[op] != name) ++op;
  if (op == kNames.size()) return std::nullopt;
  step.op = static_cast<Op>(op);
  for (std::string_view word = NextWord(&line); !word.empty(); word = NextWord(&line)) {
    const size_t equals = word.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    if (!SetField(word.substr(0, equals), word.substr(equals + 1), &step)) return std::nullopt;
  }
  return step;
}

}  // namespace plyfs::diff
