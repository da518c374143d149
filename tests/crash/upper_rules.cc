#include "tests/crash/upper_rules.h"

#include <sys/stat.h>

#include <filesystem>
#include <map>

#include "tests/differential/outcome.h"

namespace plyfs::crash {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "trusted.overlay.";

bool IsWhiteout(const fs::path& path) {
  struct stat st;
  return lstat(path.c_str(), &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == 0;
}

// A record's value has the form that semantics.md gives it.
bool RecordIsWhole(const std::string& record, const std::string& value) {
  if (record == "opaque" || record == "impure") return value == "y";
  if (record == "redirect")
    return !value.empty() && value.find("//") == std::string::npos && value.back() != '/';
  if (record == "origin")
    return value.empty() || (value.size() > 21 && static_cast<size_t>(value[2]) == value.size());
  if (record == "protattr") return !value.empty() && value.find_first_not_of("ai") == std::string::npos;
  if (record == "uuid") return value.size() == 16;
  return record.starts_with("overlay.");  // a client's own, escaped (A6)
}

std::string BrokenIn(const fs::path& path) {
  if (path.filename().native().starts_with("#")) return path.native() + ": a temporary name in upper";
  std::map<std::string, std::string> xattrs;
  std::string error = diff::ReadXattrs(path, &xattrs);
  if (!error.empty()) return path.native() + ": " + error;
  for (const auto& [name, value] : xattrs) {
    if (!name.starts_with(kPrefix)) continue;
    if (IsWhiteout(path)) return path.native() + ": a whiteout with " + name;
    if (!RecordIsWhole(name.substr(std::char_traits<char>::length(kPrefix)), value)) {
      return path.native() + ": " + name + "=" + value + " means nothing";
    }
  }
  return "";
}

}  // namespace

std::string BrokenRule(const std::string& root) {
  for (const auto& entry : fs::recursive_directory_iterator(root + "/u")) {
    if (std::string broken = BrokenIn(entry.path()); !broken.empty()) return broken;
  }
  for (const auto& entry : fs::directory_iterator(root + "/w")) {
    if (entry.path().filename() != "work") return entry.path().native() + ": not of a work directory";
  }
  for (auto at = fs::recursive_directory_iterator(root + "/w"); at != fs::recursive_directory_iterator();
       ++at) {
    // work itself is at depth 0.
    if (at.depth() > 2) return at->path().native() + ": too deep for the kernel to clean";
  }
  return "";
}

std::string LeftInWork(const std::string& root, bool all) {
  const std::string work = root + "/w/work";
  if (!fs::exists(work)) return "";
  for (const auto& entry : fs::directory_iterator(work)) {
    if (all || !IsWhiteout(entry.path())) return entry.path().native() + ": left in work";
  }
  return "";
}

}  // namespace plyfs::crash
