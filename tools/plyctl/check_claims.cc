#include "tools/plyctl/check_claims.h"

#include <algorithm>

#include "engine/format/opaque.h"
#include "engine/format/origin.h"
#include "engine/format/protattr.h"
#include "engine/format/redirect.h"
#include "tools/plyctl/check_records.h"
#include "tools/plyctl/check_report.h"
#include "tools/plyctl/check_upper.h"

namespace plyfs::tool {
namespace {

using Found = OriginStore::Found;

constexpr char kOwnNumber[] = "; plyfs and the kernel give the copy its own inode number";

}  // namespace

// M26: with index=on the root's says which lower is the topmost.
void Claims::CheckRoot(const RecordSet& set) {
  const std::optional<std::string>& origin = set.Of(Record::kOrigin);
  if (!origin || !readable()) return;
  const Found found = stack_.origins->Look(*origin, S_IFDIR);
  if (found.fate == Found::kUnknown) return;
  if (found.fate == Found::kFound && found.object == stack_.lowers->lower(0).root_id()) return;
  report_->Left("", ".",
                NameOf(Record::kOrigin, stack_.records) +
                    " is not of the topmost lower; the kernel refuses to mount with index=on (ESTALE)",
                "name the lowers that upper was used with, or mount with index=off");
}

bool Claims::readable() const {
  return stack_.origins && stack_.origins->readable();
}

bool Claims::IsCopy(const RecordSet& set) const {
  const std::optional<std::string>& origin = set.Of(Record::kOrigin);
  if (!origin || FormOf(*origin) != OriginForm::kHandle) return false;
  return !readable() || stack_.origins->Look(*origin, set.mode & S_IFMT).fate == Found::kFound;
}

OriginStore::Found Claims::CheckOrigin(const LowerPath& path, int fd, bool merged, RecordSet* set) {
  Found found;
  const std::optional<std::string>& origin = set->Of(Record::kOrigin);
  if (!origin || !readable()) return found;
  found = stack_.origins->Look(*origin, set->mode & S_IFMT);
  const std::string name = NameOf(Record::kOrigin, stack_.records);
  if (found.fate == Found::kElsewhere) {
    report_->Left("", path.ToString(),
                  name + " is of a filesystem that none of these lowers lies on" + kOwnNumber,
                  "name the lowers that it was copied up from");
    return found;
  }
  if (found.fate != Found::kGone && found.fate != Found::kOtherType) return found;
  const std::string what =
      name + (found.fate == Found::kGone ? " leads to what is gone" : " leads to another type");
  // One that is missing is written anew where a lower directory joins (L24).
  report_->Mend("", path.ToString(), what + kOwnNumber,
                merged ? "it is removed; the next mount writes a new one" : "it is made empty",
                [&]() -> Status {
                  if (merged) {
                    PLY_CHECK(stack_.records.Remove(fd, Record::kOrigin));
                    set->Of(Record::kOrigin).reset();
                    return OkStatus();
                  }
                  PLY_CHECK(stack_.records.Set(fd, Record::kOrigin, ""));
                  set->Of(Record::kOrigin) = "";
                  return OkStatus();
                });
  return found;
}

// L14: the kernel knows a copy by what it is a copy of.
void Claims::CheckFile(const LowerPath& path, int fd, const struct statx& st, RecordSet* set) {
  const Found found = CheckOrigin(path, fd, /*merged=*/false, set);
  CheckLinks(path, fd, st, found.fate == Found::kFound ? found.nlink : 0, set);
  const std::optional<std::string>& origin = set->Of(Record::kOrigin);
  if (!origin || FormOf(*origin) != OriginForm::kHandle) return;
  // But not where that leads nowhere, nor where it has several links: copies of such are objects of their own
  // (S6).
  if (readable() && (found.fate != Found::kFound || found.nlink > 1)) return;
  const auto [it, first] = by_origin_.try_emplace(origin->substr(0, kOriginMax), path);
  if (first) return;
  report_->Mend("", path.ToString(),
                NameOf(Record::kOrigin, stack_.records) + " is that of " + Quoted(it->second.ToString()) +
                    " too; the kernel refuses the one that is looked up second (ESTALE), plyfs serves both",
                "it is made empty", [&] { return stack_.records.Set(fd, Record::kOrigin, ""); });
}

void Claims::CheckDirectory(const LowerPath& path, int fd, const ObjectId& merged, RecordSet* set) {
  CheckOrigin(path, fd, merged.known(), set);
  if (!merged.known()) return;
  const auto [it, first] = by_lower_.try_emplace(merged, path);
  if (first) return;
  report_->Left("", path.ToString(),
                "joins the same lower directory as " + Quoted(it->second.ToString()) +
                    "; the kernel refuses the one that is looked up second (ESTALE), plyfs serves both",
                "one is a copy: remove its redirect, or make it opaque");
}

void Claims::CheckOwnRedirect(const LowerPath& path, const RecordSet& set) {
  const std::optional<std::string>& value = set.Of(Record::kRedirect);
  const std::optional<std::string>& opaque = set.Of(Record::kOpaque);
  if (!value || (opaque && ParseOpaque(*opaque) == Opaque::kYes)) return;
  Result<Redirect> redirect = ParseRedirect(*value);
  // Longer ones no mount has written (L15), and memory is not theirs.
  if (!redirect.ok() || redirect->path.size() > kRedirectMax) return;
  // What a relative one is relative to is known of siblings only.
  const std::string target =
      redirect->absolute ? std::string(redirect->path) : path.Parent().Child(redirect->path).ToString();
  const auto [it, first] = by_redirect_.try_emplace(target, path);
  if (first) return;
  report_->Left("", path.ToString(),
                NameOf(Record::kRedirect, stack_.records) + " leads where that of " +
                    Quoted(it->second.ToString()) +
                    " leads; the kernel refuses the one that is looked up second (ESTALE), plyfs serves both",
                "one is a copy: remove its redirect, or make it opaque");
}

void Claims::CountName(const struct statx& st) {
  if (stack_.work && stack_.work->indexed.contains(st.stx_ino)) ++links_[st.stx_ino].in_upper;
}

// S9 L22.
void Claims::CheckLinks(const LowerPath& path, int fd, const struct statx& st, uint32_t lower_links,
                        RecordSet* set) {
  if (!stack_.work || !stack_.work->index_known) return;
  const bool indexed = stack_.work->indexed.contains(st.stx_ino);
  const std::optional<std::string>& value = set->Of(Record::kNlink);
  if (!value) return;
  const std::optional<NlinkRecord> record = ParseNlinkRecord(*value);
  if (!record) return;
  if (!indexed) {
    report_->Mend("", path.ToString(),
                  NameOf(Record::kNlink, stack_.records) +
                      " is on what the index does not have; plyfs and the kernel ignore it",
                  "the record is removed", [&] { return stack_.records.Remove(fd, Record::kNlink); });
    return;
  }
  Links& links = links_[st.stx_ino];
  links.path = path;
  links.record = *value;
  const int64_t base = record->relative_to_upper ? st.stx_nlink : lower_links;
  if (base > 0) links.claimed = base + record->difference;
  links.in_lower = lower_links;
}

void Claims::Finish() {
  std::vector<std::pair<std::string, const Links*>> wrong;
  for (const auto& [ino, links] : links_) {
    if (!links.claimed) continue;
    const bool too_few = *links.claimed < links.in_upper;
    const bool too_many = links.in_lower > 0 && *links.claimed > links.in_upper + links.in_lower;
    if (too_few || too_many) wrong.emplace_back(links.path.ToString(), &links);
  }
  std::sort(wrong.begin(), wrong.end());
  for (const auto& [path, links] : wrong) {
    report_->Left("", path,
                  NameOf(Record::kNlink, stack_.records) + " " + Quoted(links->record) + " makes " +
                      std::to_string(*links->claimed) + " links of the " + std::to_string(links->in_upper) +
                      " that upper has; the kernel with index=on counts wrong, plyfs ignores it",
                  "copy the file, remove its names and put the copy in their place");
  }
}

}  // namespace plyfs::tool
