#include "tests/differential/errnos.h"

#include <cstring>
#include <sstream>

namespace plyfs::diff {
namespace {

int ErrnoByName(const std::string& name) {
  constexpr int kErrnoMax = 4095;
  for (int error = 1; error <= kErrnoMax; ++error) {
    const char* known = strerrorname_np(error);
    if (known != nullptr && name == known) return error;
  }
  return 0;
}

// False: not a line of the file.
bool ParseLine(const std::string& text, ErrnoLine* line) {
  std::istringstream words(text);
  // An operation may be of several words ("write through mmap"); the errno ends it.
  for (std::string word; line->error == 0 && words >> word;) {
    line->error = ErrnoByName(word);
    if (line->error != 0) break;
    if (!line->operation.empty()) line->operation += ' ';
    line->operation += word;
  }
  std::string fault, more;
  if (line->operation.empty() || !(words >> line->rule)) return false;
  if (!(words >> fault)) return true;
  return fault == "fault" && words >> line->fault_test && !(words >> more);
}

}  // namespace

std::string ErrnoFile::Parse(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    ErrnoLine parsed;
    const std::string where = "line " + std::to_string(number) + ": ";
    if (!ParseLine(line, &parsed)) return where + "not 'operation errno rule [fault test]'";
    if (Find(parsed.operation, parsed.error) != nullptr) return where + "is there twice";
    lines_.push_back(std::move(parsed));
  }
  return "";
}

const ErrnoLine* ErrnoFile::Find(const std::string& operation, int error) const {
  for (const ErrnoLine& line : lines_) {
    if (line.operation == operation && line.error == error) return &line;
  }
  return nullptr;
}

std::string ErrnoFile::Check(const Table& table, uint64_t least) const {
  std::string wrong;
  for (const auto& [operation, row] : table.counts()) {
    if (operation == kUnlinkedLabel) continue;  // each of its steps counts as what it is, too
    for (const auto& [error, n] : row) {
      if (error == 0 || Find(operation, error) != nullptr) continue;
      wrong += operation + " " + strerrorname_np(error) + " happened and is not listed\n";
    }
  }
  for (const ErrnoLine& line : lines_) {
    if (!line.fault_test.empty()) continue;
    const uint64_t n = table.Times(line.operation, line.error);
    if (n >= least) continue;
    wrong += line.operation + " " + strerrorname_np(line.error) + " happened " + std::to_string(n) +
             " times only\n";
  }
  return wrong;
}

}  // namespace plyfs::diff
