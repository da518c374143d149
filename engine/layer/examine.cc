#include "engine/layer/examine.h"

#include "engine/io/sys_stat.h"
#include "engine/layer/indexed.h"
#include "engine/layer/object.h"

namespace plyfs {

bool IsNotHere(int error) {
  return error == ENOENT || error == ENAMETOOLONG || error == ENOTDIR;
}

Result<Examined> Examine(const Records& records, const MergeFold& fold, ProbeOutcome opened, bool to_read,
                         const Finding* known) {
  Examined e;
  if (IsNotHere(opened.error)) return e;
  if (opened.error != 0) return Errno(opened.error);
  e.fd = std::move(opened.fd);
  e.st = opened.st;
  e.readable = to_read;
  if (known) {
    e.finding = *known;
    return e;
  }
  e.finding.found = FoundOf(e.st);
  PLY_CHECK(records.Read(e.fd.get(), to_read, fold.Wanted(e.finding.found), &e.finding));
  return e;
}

ProbeOutcome OutcomeOf(Result<UniqueFd> opened) {
  ProbeOutcome outcome{};
  outcome.error = opened.error();
  if (!opened.ok()) return outcome;
  outcome.fd = *std::move(opened);
  Result<struct statx> st = sys::StatxFd(outcome.fd.get());
  outcome.error = st.error();
  if (st.ok()) outcome.st = *st;
  return outcome;
}

Result<bool> IsThere(const Result<UniqueFd>& opened) {
  if (IsNotHere(opened.error())) return false;
  return opened.ok() ? Result<bool>(true) : opened.status();
}

Examined ExamineIndexed(const Records& records, const MergeFold& fold, const Layer& layer,
                        const IndexFile::Answer& answer) {
  Examined e;
  if (!answer.held) return e;
  e.st = StatOf(answer.held->entry, layer.device());
  e.finding.found = FoundOf(e.st);
  ReadRecords(answer.held->entry, records.names(), fold.Wanted(e.finding.found), &e.finding);
  return e;
}

}  // namespace plyfs
