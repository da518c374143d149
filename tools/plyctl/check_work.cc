#include "tools/plyctl/check_work.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "engine/format/file_type.h"
#include "engine/format/origin.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/work_dir.h"

namespace plyfs::tool {
namespace {

constexpr char kWhere[] = "workdir ";

Result<std::vector<std::string>> NamesIn(int dir) {
  std::vector<std::string> names;
  sys::DirReader entries(dir);
  while (true) {
    PLY_TRY(const sys::DirReader::Entry* entry, entries.Next());
    if (!entry) break;
    names.emplace_back(entry->name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<UniqueFd> OpenDir(int parent, const std::string& name) {
  return sys::OpenBeneath(parent, name.c_str(), O_RDONLY | O_DIRECTORY);
}

bool IsHex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == text.npos;
}

// M15.
bool IsTemporary(std::string_view name) {
  return name.starts_with('#') && IsHex(name.substr(1));
}

// C20: a handle's bytes in hex.
bool IsIndexName(std::string_view name) {
  if (!IsHex(name) || name.size() % 2 != 0) return false;
  auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (size_t i = 0; i < name.size(); i += 2) {
    bytes += static_cast<char>(digit(name[i]) << 4 | digit(name[i + 1]));
  }
  return DecodeOrigin(bytes).has_value();
}

// Whether anything in it lies deeper than the kernel cleans (M14).
bool TooDeep(int parent, const std::string& name) {
  Result<UniqueFd> dir = OpenDir(parent, name);
  if (!dir.ok()) return false;
  Result<std::vector<std::string>> names = NamesIn(dir->get());
  if (!names.ok()) return false;
  return std::any_of(names->begin(), names->end(), [&](const std::string& below) {
    Result<UniqueFd> fd = OpenDir(dir->get(), below);
    if (!fd.ok()) return false;
    Result<std::vector<std::string>> in = NamesIn(fd->get());
    return in.ok() && !in->empty();
  });
}

Status Remove(int parent, const std::string& name) {
  Status removed = sys::UnlinkAt(parent, name.c_str());
  if (removed.error() != EISDIR) return removed;
  PLY_TRY(UniqueFd dir, OpenDir(parent, name));
  PLY_CHECK(WorkDir::Empty(dir.get()));
  return sys::UnlinkAt(parent, name.c_str(), AT_REMOVEDIR);
}

class WorkCheck {
 public:
  WorkCheck(int base, CheckReport* report) : base_(base), report_(report) {}

  Result<CheckedWork> Run() {
    PLY_TRY(std::optional<UniqueFd> work, Open("work"));
    if (work) {
      PLY_CHECK(CheckTemporaries(work->get()));
      checked_.work = *std::move(work);
    }
    PLY_CHECK(CheckIndex());
    return std::move(checked_);
  }

 private:
  // Nothing: it is not there, or (reported) cannot be read.
  Result<std::optional<UniqueFd>> Open(const char* name) {
    Result<UniqueFd> dir = OpenDir(base_, name);
    if (dir.ok()) return std::optional<UniqueFd>(*std::move(dir));
    if (dir.error() != ENOENT) {
      report_->Left(kWhere, name, std::string("cannot be read: ") + std::strerror(dir.error()),
                    "what mounts have left in it is not known; check as who mounts");
    }
    return std::optional<UniqueFd>();
  }

  Status CheckTemporaries(int work) {
    PLY_TRY(std::vector<std::string> names, NamesIn(work));
    for (const std::string& name : names) {
      if (Result<UniqueFd> marks = OpenDir(work, name); name == "incompat" && marks.ok()) {
        PLY_CHECK(CheckMarks(marks->get()));
      } else if (IsTemporary(name)) {
        PLY_CHECK(Temporary(work, "work/" + name, name));
      } else {
        report_->Left(kWhere, "work/" + name, "is no temporary of a mount; the next mount deletes it",
                      "move it away if it is of worth");
      }
    }
    return OkStatus();
  }

  Status Temporary(int parent, const std::string& path, const std::string& name) {
    Result<struct statx> st = sys::Statx(parent, name.c_str());
    if (st.error() == ENOENT) return OkStatus();
    if (!st.ok()) return st.status();
    // One stays behind after every unmount, to be linked to.
    if (IsWhiteoutDevice(st->stx_mode, st->stx_rdev_major, st->stx_rdev_minor)) return OkStatus();
    const std::string what = S_ISDIR(st->stx_mode) && TooDeep(parent, name)
                                 ? "was left by a mount that was cut off; the kernel, which does not clean "
                                   "so deep, would mount read-only"
                                 : "was left by a mount that was cut off; the next mount deletes it";
    report_->Mend(kWhere, path, what, "it is removed", [&] { return Remove(parent, name); });
    return OkStatus();
  }

  // M16.
  Status CheckMarks(int marks) {
    PLY_TRY(std::vector<std::string> names, NamesIn(marks));
    for (const std::string& name : names) {
      const std::string what = name == "volatile"
                                   ? "the last mount was volatile, so what it wrote may be missing or torn"
                                   : "the last mount used a feature unknown here";
      report_->Left(kWhere, "work/incompat/" + name, what + "; plyfs and the kernel refuse to mount (EINVAL)",
                    "remove work/incompat if upper is known to be whole");
    }
    return OkStatus();
  }

  // M17 C20.
  Status CheckIndex() {
    PLY_TRY(std::optional<UniqueFd> index, Open("index"));
    if (!index) {
      checked_.index_known = sys::Statx(base_, "index").error() == ENOENT;
      return OkStatus();
    }
    checked_.index_known = true;
    PLY_TRY(std::vector<std::string> names, NamesIn(index->get()));
    for (const std::string& name : names) {
      if (IsTemporary(name)) {
        PLY_CHECK(Temporary(index->get(), "index/" + name, name));
        continue;
      }
      if (!IsIndexName(name)) {
        report_->Left(kWhere, "index/" + name, "is no name of the index; mounts with index=on fail (EINVAL)",
                      "move it away");
        continue;
      }
      Result<struct statx> st = sys::Statx(index->get(), name.c_str());
      if (st.ok() && !S_ISDIR(st->stx_mode)) checked_.indexed.insert(st->stx_ino);
    }
    return OkStatus();
  }

  const int base_;
  CheckReport* const report_;
  CheckedWork checked_;
};

}  // namespace

Result<CheckedWork> CheckWorkDir(int base, CheckReport* report) {
  return WorkCheck(base, report).Run();
}

}  // namespace plyfs::tool
