#include "tools/plyctl/check_upper.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "engine/base/name.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/object.h"
#include "engine/layer/probe.h"
#include "engine/layer/scan.h"
#include "tools/plyctl/check_claims.h"
#include "tools/plyctl/check_records.h"

namespace plyfs::tool {
namespace {

constexpr int kRead = O_RDONLY | O_DIRECTORY;

// A directory, without moving its atime where that is allowed.
Result<UniqueFd> OpenToRead(int parent, const char* name) {
  Result<UniqueFd> fd = sys::OpenBeneath(parent, name, kRead | O_NOATIME);
  return fd.error() == EPERM ? sys::OpenBeneath(parent, name, kRead) : std::move(fd);
}

MergeRules RulesFor(const CheckedStack& stack) {
  MergeRules rules;
  rules.follow_redirects = rules.metacopy = !stack.records.names().userxattr();
  if (!stack.lowers) return rules;
  rules.data_layers = stack.lowers->data_count() > 0;
  rules.lowest = stack.lowers->lower_count() - 1;
  return rules;
}

class UpperCheck {
 public:
  UpperCheck(const CheckedStack& stack, CheckReport* report)
      : stack_(stack), report_(report), rules_(RulesFor(stack)), claims_(stack, report) {}

  Status Run(std::string* at) {
    Status done = Walk();
    if (!done.ok()) *at = way_.empty() ? "." : way_.back().path.ToString();
    if (done.ok()) claims_.Finish();
    return done;
  }

 private:
  struct Level {
    ObjectId id;
    LowerPath path;
    std::vector<std::string> dirs;  // not entered yet, the next one last
    Lowers lowers;
    bool marks_xattr_whiteouts = false;  // opaque=x
    bool holds_copies = false;           // something in it has an origin
    bool holds_refused = false;          // looking something in it up fails
  };

  Status Walk() {
    PLY_TRY(UniqueFd root, OpenToRead(stack_.upper, "."));
    CheckObject(root.get(), LowerPath(), /*is_root=*/true);
    Lowers lowers;
    for (LayerId id = 0; stack_.lowers && id < stack_.lowers->lower_count(); ++id) {
      lowers.members.push_back(LowerMember{id, LowerPath()});
    }
    PLY_CHECK(Enter(std::move(root), LowerPath(), std::move(lowers)));
    while (true) {
      if (!way_.back().dirs.empty()) {
        const std::string name = std::move(way_.back().dirs.back());
        way_.back().dirs.pop_back();
        PLY_CHECK(Descend(name));
        continue;
      }
      CheckImpure();
      way_.pop_back();
      if (way_.empty()) return OkStatus();
      PLY_CHECK(GoBack());
    }
  }

  Status Enter(UniqueFd fd, LowerPath path, Lowers lowers) {
    PLY_TRY(struct statx st, sys::StatxFd(fd.get()));
    dir_ = std::move(fd);
    if (!lowers.members.empty()) lowers.lowest = lowers.members.back().layer;
    way_.push_back(Level{ObjectIdOf(st), std::move(path), {}, std::move(lowers)});
    report_->CountDirectory();
    way_.back().marks_xattr_whiteouts = SaysXattrWhiteouts(dir_.get(), stack_.records).value_or(false);
    CheckEntries();
    return OkStatus();
  }

  // Upper may be deeper than descriptors or paths go, so the way back is ".."; it leads elsewhere if somebody
  // moves directories meanwhile.
  Status GoBack() {
    PLY_TRY(UniqueFd up, sys::OpenAt2(dir_.get(), "..", kRead, 0, RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV));
    PLY_TRY(struct statx st, sys::StatxFd(up.get()));
    if (!(ObjectIdOf(st) == way_.back().id)) return Errno(ESTALE);
    dir_ = std::move(up);
    return OkStatus();
  }

  void Unreadable(const LowerPath& path, int error) {
    if (error == EXDEV) {
      report_->Left("", path.ToString(), "something is mounted here; what lies beneath was not checked",
                    "unmount it");
    } else {
      report_->Left("", path.ToString(), std::string("was not checked: ") + std::strerror(error),
                    "check as somebody who may read it");
    }
  }

  // All of the directory that is open, those in it not entered.
  void CheckEntries() {
    Level& level = way_.back();
    std::vector<std::string> names;
    sys::DirReader reader(dir_.get());
    while (true) {
      Result<const sys::DirReader::Entry*> entry = reader.Next();
      if (!entry.ok()) Unreadable(level.path, entry.error());
      if (!entry.ok() || *entry == nullptr) break;
      names.emplace_back((*entry)->name);
    }
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      const LowerPath path = level.path.Child(name);
      Result<UniqueFd> fd = sys::OpenBeneath(dir_.get(), name.c_str(), O_PATH);
      if (fd.error() == ENOENT) continue;
      if (fd.ok()) {
        CheckObject(fd->get(), path, /*is_root=*/false);
      } else {
        Unreadable(path, fd.error());
      }
    }
    std::reverse(level.dirs.begin(), level.dirs.end());
  }

  void CheckObject(int fd, const LowerPath& path, bool is_root) {
    if (!is_root) report_->CountObject();
    Result<struct statx> looked = sys::StatxFd(fd);
    Result<ObjectRecords> read = looked.ok() ? ReadAllRecords(fd, *looked, is_root, stack_.records)
                                             : Result<ObjectRecords>(looked.status());
    if (!read.ok()) return Unreadable(path, read.error());
    const struct statx& st = *looked;
    RecordSet& set = read->set;
    // What is wrong with an object is told of its first name.
    const bool again = !S_ISDIR(st.stx_mode) && st.stx_nlink > 1 && !seen_.insert(st.stx_ino).second;
    if (!again) {
      NoteFamilies(*read, path);
      CheckRecords(path.ToString(), fd, stack_.records, &set, report_);
    }
    if (is_root) {
      claims_.CheckRoot(set);
      return;
    }
    if (set.whiteout_device) return CheckWhiteout(path);
    if (set.is_xattr_whiteout()) return CheckXattrWhiteout(path);
    if (S_ISDIR(st.stx_mode)) {
      way_.back().dirs.emplace_back(path.last());
      return;
    }
    claims_.CountName(st);
    if (!again) claims_.CheckFile(path, fd, st, &set);
    way_.back().holds_copies |= claims_.IsCopy(set);
    if (set.Of(Record::kMetacopy)) CheckMetacopy(path, set);
  }

  void NoteFamilies(const ObjectRecords& read, const LowerPath& path) {
    const bool user = stack_.records.names().userxattr();
    const std::string other = user ? "trusted.overlay.*" : "user.overlay.*";
    if (read.other_family && read.set.any()) {
      report_->Left("", path.ToString(),
                    "has records of both families; those of " + other + " are data to this mount",
                    std::string("remove those that the mount does not use, ") +
                        (user ? "which has userxattr" : "which has no userxattr"));
    } else if (read.other_family) {
      report_->Note(path.ToString(), "objects with " + other +
                                         ", which is data here; was upper written with" +
                                         (user ? "out" : "") + " userxattr?");
    }
    if (read.unknown) report_->Note(path.ToString(), "objects with overlay records that are unknown here");
  }

  // Over nothing they do no harm.
  void CheckWhiteout(const LowerPath& path) {
    if (!stack_.lowers) return;
    Result<bool> hides = LowerPositive(Context(), way_.back().lowers.members, Name::Trusted(path.last()));
    if (hides.ok() && !*hides) {
      report_->Note(path.ToString(), "whiteouts that hide nothing in these lowers (harmless)");
    }
  }

  // X5.
  void CheckXattrWhiteout(const LowerPath& path) {
    if (way_.back().marks_xattr_whiteouts) return CheckWhiteout(path);
    const std::string what = "is an empty file with " + NameOf(Record::kWhiteout, stack_.records) +
                             " in a directory without opaque=x; plyfs and the kernel list it, but looking it "
                             "up fails (ENOENT)";
    if (stack_.work && stack_.work->work) {
      report_->Mend("", path.ToString(), what, "a whiteout replaces it",
                    [&] { return PutWhiteout(path.last()); });
    } else {
      report_->Left("", path.ToString(), what, "give --workdir, where a whiteout to replace it can be made");
    }
    CheckWhiteout(path);
  }

  // In one step, so that what lies below never shows.
  Status PutWhiteout(std::string_view name) {
    const int work = stack_.work->work.get();
    std::string temporary;
    Status made = OkStatus();
    for (int i = 0; i == 0 || made.error() == EEXIST; ++i) {
      char hex[24];
      std::snprintf(hex, sizeof hex, "#%x", i);
      temporary = hex;
      made = sys::MknodAt(work, temporary.c_str(), S_IFCHR, 0);
    }
    PLY_CHECK(made);
    Status moved = sys::RenameAt2(work, temporary.c_str(), dir_.get(), std::string(name).c_str());
    if (!moved.ok()) (void)sys::UnlinkAt(work, temporary.c_str());
    return moved;
  }

  // C2 D10.  Of the open directory, when all that is in it has been seen.
  void CheckImpure() {
    if (!way_.back().holds_copies) return;
    Result<std::optional<std::string>> impure = stack_.records.Get(dir_.get(), Record::kImpure);
    if (!impure.ok() || *impure == "y") return;
    const std::string path = way_.back().path.ToString();
    const std::string what = NameOf(Record::kImpure, stack_.records) +
                             " is missing, but objects in it were copied up; plyfs and the kernel list other "
                             "inode numbers than stat gives";
    // The kernel looks up all that it lists in such a directory, and fails with the first that is refused
    // (D14).
    if (way_.back().holds_refused) {
      report_->Left("", path, what,
                    "see first to what cannot be looked up in it, which would keep the kernel from "
                    "listing it");
      return;
    }
    report_->Mend("", path, what, "it is set",
                  [&] { return stack_.records.Set(dir_.get(), Record::kImpure, "y"); });
  }

  ProbeContext Context() const { return ProbeContext{*stack_.lowers, stack_.records, rules_, nullptr}; }

  // What the name in the open directory leads to in the lowers.  Nothing: that could not be told, which has
  // been reported.
  std::optional<Probed> Ask(const LowerPath& path, const RecordSet& set) {
    const Level& level = way_.back();
    Result<Probed> probed = ProbeName(Context(), dir_.get(), level.lowers, Name::Trusted(path.last()));
    if (probed.ok()) return *std::move(probed);
    way_.back().holds_refused = true;
    const int error = probed.error();
    const std::vector<RecordFault> own = FaultsOf(set, stack_.records.names().userxattr());
    const bool told = std::any_of(own.begin(), own.end(), [](const RecordFault& fault) {
      return fault.record == Record::kRedirect || fault.record == Record::kMetacopy;
    });
    if (error == EIO && set.Of(Record::kMetacopy)) {
      report_->Left(
          "", path.ToString(),
          "holds metadata only, and no lower has its data; plyfs and the kernel refuse to look it up (EIO)",
          "name all lowers, with the data-only ones");
    } else if (!told) {
      report_->Left("", path.ToString(),
                    std::string("plyfs and the kernel refuse to look it up, for what a lower holds: ") +
                        std::strerror(error),
                    "check that lower");
    }
    return std::nullopt;
  }

  void CheckMetacopy(const LowerPath& path, const RecordSet& set) {
    report_->Note(
        path.ToString(),
        "files that hold metadata only; for the kernel with metacopy=on, plyfs refuses them (EPERM)");
    if (!stack_.lowers) return;
    std::optional<Probed> probed = Ask(path, set);
    if (!probed || !probed->data_path) return;
    Result<LowerAnchor> data = FindInDataLayers(*stack_.lowers, *probed->data_path);
    if (data.ok()) return;
    report_->Left(
        "", path.ToString(),
        std::string("holds metadata only, and no data-only lower has its data; plyfs and the kernel "
                    "refuse to open it (") +
            std::strerror(data.error()) + ")",
        "name all lowers");
  }

  Status Descend(const std::string& name) {
    const LowerPath path = way_.back().path.Child(name);
    Result<UniqueFd> fd = OpenToRead(dir_.get(), name.c_str());
    if (fd.error() == ENOENT) return OkStatus();
    Result<struct statx> st = fd.ok() ? sys::StatxFd(fd->get()) : Result<struct statx>(fd.status());
    Result<ObjectRecords> read = st.ok() ? ReadAllRecords(fd->get(), *st, /*is_root=*/false, stack_.records)
                                         : Result<ObjectRecords>(st.status());
    if (!read.ok()) {
      Unreadable(path, read.error());
      return OkStatus();
    }
    Lowers lowers;
    if (stack_.lowers) {
      std::optional<Probed> probed = Ask(path, read->set);
      if (probed) {
        CheckRedirect(path, read->set, *probed);
        lowers.members = std::move(probed->members);
        claims_.CheckDirectory(path, fd->get(), lowers.members.empty() ? ObjectId() : probed->first_member,
                               &read->set);
      }
    } else {
      claims_.CheckDirectory(path, fd->get(), ObjectId(), &read->set);
      claims_.CheckOwnRedirect(path, read->set);
    }
    way_.back().holds_copies |= claims_.IsCopy(read->set);
    return Enter(*std::move(fd), path, std::move(lowers));
  }

  void CheckRedirect(const LowerPath& path, const RecordSet& set, const Probed& probed) {
    if (!set.Of(Record::kRedirect) || probed.upper_opaque || !probed.members.empty()) return;
    report_->Left(
        "", path.ToString(),
        NameOf(Record::kRedirect, stack_.records) + " " + Quoted(*set.Of(Record::kRedirect)) +
            " leads to a directory that no lower has; plyfs and the kernel show what upper holds only",
        "name all lowers; if what it led to is gone for good, set opaque to y and remove the redirect");
  }

  const CheckedStack& stack_;
  CheckReport* const report_;
  const MergeRules rules_;
  Claims claims_;
  absl::flat_hash_set<uint64_t> seen_;  // the numbers of objects that have several names
  UniqueFd dir_;
  std::vector<Level> way_;  // from the root to the open directory
};

}  // namespace

Status CheckUpper(const CheckedStack& stack, CheckReport* report, std::string* at) {
  return UpperCheck(stack, report).Run(at);
}

}  // namespace plyfs::tool
