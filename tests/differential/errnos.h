// ErrnoFile: which operation may end with which errno, and by which rule, as errnos.txt lists it.
//
//   # comment
//   rename NOREPLACE EEXIST R2
//   create ENOSPC C10 fault differential_faults_test
//
// Operation, errno, rule.  `fault` and a test: the errno needs a fault that this run does not make, and that
// test does.  A value; any thread.
#ifndef PLYFS_TESTS_DIFFERENTIAL_ERRNOS_H_
#define PLYFS_TESTS_DIFFERENTIAL_ERRNOS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/differential/table.h"

namespace plyfs::diff {

struct ErrnoLine {
  std::string operation;
  int error = 0;
  std::string rule;
  std::string fault_test;  // empty: reached by the differential run
};

class ErrnoFile {
 public:
  // Empty, or what is wrong with which line.
  std::string Parse(std::string_view text);
  // What happened and is not listed, and what is listed, is no fault and happened less than `least` times, a
  // line each; empty: all is well.
  std::string Check(const Table& table, uint64_t least) const;

  const std::vector<ErrnoLine>& lines() const { return lines_; }

 private:
  const ErrnoLine* Find(const std::string& operation, int error) const;

  std::vector<ErrnoLine> lines_;
};

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_ERRNOS_H_
