// CheckReport: what a check has found, a line each, and what became of it.
//
// Owned by the check; main's thread.
#ifndef PLYFS_TOOLS_PLYCTL_CHECK_REPORT_H_
#define PLYFS_TOOLS_PLYCTL_CHECK_REPORT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace plyfs::tool {

class CheckReport {
 public:
  using Print = std::function<void(const std::string& line)>;
  CheckReport(bool repair, bool verbose, Print print)
      : repair_(repair), verbose_(verbose), print_(std::move(print)) {}

  bool repair() const { return repair_; }

  // `path` is as stored, and quoted here; `where` stands before it ("" for upper, "workdir ").
  // Something wrong that only a person can put right; `remedy` says how.
  void Left(std::string_view where, std::string_view path, const std::string& what,
            const std::string& remedy);
  // Something wrong that `mend` puts right, if it is to be; `how` says what that does.  True: it was done.
  bool Mend(std::string_view where, std::string_view path, const std::string& what, const std::string& how,
            const std::function<Status()>& mend);
  // What is not wrong: told as a count behind the findings, `kind` being "whiteouts that hide nothing"; each
  // by itself with --verbose.
  void Note(std::string_view path, const std::string& kind);
  // A line of its own behind the findings.
  void Remark(const std::string& line) { remarks_ += line + '\n'; }

  void CountDirectory() { ++directories_; }
  void CountObject() { ++objects_; }
  uint64_t mended() const { return mended_; }
  uint64_t left() const { return found_ - mended_; }

  // Notes, remarks and figures.
  void Finish();

 private:
  const bool repair_, verbose_;
  const Print print_;
  uint64_t found_ = 0, mended_ = 0, directories_ = 0, objects_ = 0;
  std::map<std::string, uint64_t> notes_;
  std::string remarks_;
};

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYCTL_CHECK_REPORT_H_
