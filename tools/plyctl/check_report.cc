#include "tools/plyctl/check_report.h"

#include <cstring>

#include "engine/format/record_faults.h"

namespace plyfs::tool {

void CheckReport::Left(std::string_view where, std::string_view path, const std::string& what,
                       const std::string& remedy) {
  ++found_;
  print_(std::string(where) + Quoted(path) + ": " + what + "; left as it is: " + remedy);
}

bool CheckReport::Mend(std::string_view where, std::string_view path, const std::string& what,
                       const std::string& how, const std::function<Status()>& mend) {
  ++found_;
  const std::string line = std::string(where) + Quoted(path) + ": " + what + "; ";
  if (!repair_) {
    print_(line + "--repair mends it: " + how);
    return false;
  }
  Status done = mend();
  if (!done.ok()) {
    print_(line + "not mended: " + std::strerror(done.error()));
    return false;
  }
  ++mended_;
  print_(line + "mended: " + how);
  return true;
}

void CheckReport::Note(std::string_view path, const std::string& kind) {
  ++notes_[kind];
  if (verbose_) print_("note: " + Quoted(path) + ": one of the " + kind);
}

void CheckReport::Finish() {
  for (const auto& [kind, count] : notes_) print_("note: " + std::to_string(count) + " " + kind);
  for (size_t at = 0; at < remarks_.size();) {
    const size_t end = remarks_.find('\n', at);
    print_("note: " + remarks_.substr(at, end - at));
    at = end + 1;
  }
  std::string line =
      std::to_string(objects_) + " objects in " + std::to_string(directories_) + " directories: ";
  if (found_ == 0) {
    line += "nothing is wrong";
  } else {
    line += std::to_string(found_) + " found, " + std::to_string(mended_) + " mended, " +
            std::to_string(left()) + " left";
  }
  print_(line);
}

}  // namespace plyfs::tool
