#include "tests/crash/script.h"

#include <fcntl.h>

#include <optional>

namespace plyfs::crash {
namespace {

std::optional<Act> ParseAct(std::string_view line) {
  Act act;
  constexpr std::string_view kChattr = "chattr ";
  act.chattr = line.starts_with(kChattr);
  // Its fields are a step's.
  const std::string text =
      act.chattr ? "truncate " + std::string(line.substr(kChattr.size())) : std::string(line);
  std::optional<diff::Step> step = diff::ParseStep(text);
  if (!step) return std::nullopt;
  act.step = *step;
  return act;
}

bool ParseLine(std::string_view line, std::vector<Case>* cases) {
  constexpr std::string_view kCase = "case ", kBefore = "before ";
  if (line.empty() || line.front() == '#') return true;
  if (line.starts_with(kCase)) {
    cases->emplace_back().name = line.substr(kCase.size());
    return true;
  }
  if (cases->empty()) return false;
  Case& last = cases->back();
  if (line == "redirect") return last.redirect = true;
  if (line == "sync") return last.sync = true;
  if (line == "once") return last.once = true;
  const bool before = line.starts_with(kBefore);
  std::optional<Act> act = ParseAct(before ? line.substr(kBefore.size()) : line);
  if (act) (before ? last.before : last.acts).push_back(*act);
  return act.has_value();
}

}  // namespace

std::string ActText(const Act& act) {
  if (!act.chattr) return diff::FormatStep(act.step);
  return "chattr path=" + act.step.path + " a=" + std::to_string(act.step.a);
}

bool ChangesData(const Act& act) {
  using diff::Op;
  if (act.chattr) return false;
  switch (act.step.op) {
    case Op::kWrite:
    case Op::kFtruncate:
    case Op::kTruncate:
    case Op::kFallocate:
    case Op::kCopyRange:
      return true;
    case Op::kOpen:
      return (act.step.a & O_TRUNC) != 0;
    default:
      return false;
  }
}

bool ParseScript(std::string_view text, std::vector<Case>* cases, std::string* error) {
  int number = 0;
  while (!text.empty()) {
    ++number;
    const size_t end = std::min(text.find('\n'), text.size());
    if (!ParseLine(text.substr(0, end), cases)) {
      *error = "script: line " + std::to_string(number) + ": neither a word of the script nor a step";
      return false;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

}  // namespace plyfs::crash
