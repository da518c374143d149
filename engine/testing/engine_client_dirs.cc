// The engine's client reading directories, each in more ways than one, which must say the same.
#include <dirent.h>
#include <sys/stat.h>

#include "engine/testing/engine_client.h"

namespace plyfs::model {

namespace {

constexpr size_t kMostRows = 200;  // cases have four names; a listing without an end is one that errs

}  // namespace

Result<std::vector<EngineClient::Row>> EngineClient::ReadRows(OpenDirectory dir, size_t at_a_time) {
  std::vector<Row> rows;
  uint64_t from = 0;
  bool reused = false;
  for (size_t got = at_a_time; got == at_a_time && rows.size() < kMostRows;) {
    got = 0;
    PLY_CHECK(fs().ReadDir(dir.node, dir.handle, from, [&](const DirEntry& e) {
      if (got == at_a_time) return false;
      ++got;
      from = e.next;
      reused |= cookies_.emplace(std::pair(dir.node, e.next), e.name).first->second != e.name;
      rows.push_back({std::string(e.name), e.ino, static_cast<uint8_t>(e.type)});
      return true;
    }));
  }
  return reused ? Result<std::vector<Row>>(Errno(EUCLEAN)) : std::move(rows);
}

// Once more from its start, in pieces, and through the directory that was left open the last time (D2, D5,
// D6, D8).
Status EngineClient::CheckRows(OpenDirectory dir, const std::vector<Row>& rows) {
  if (rows.size() < 2 || rows[0].name != "." || rows[1].name != "..") return Errno(EUCLEAN);
  PLY_TRY(std::vector<Row> again, ReadRows(dir, 1 + rows.size() % 3));
  if (again != rows) return Errno(EUCLEAN);
  if (!last_listed_ || last_listed_->node != dir.node) return OkStatus();
  PLY_TRY(again, ReadRows(*last_listed_, 100));
  return again == rows ? OkStatus() : Status(Errno(EUCLEAN));
}

// READDIRPLUS tells what READDIR and LOOKUP tell (D10, D13).
Status EngineClient::CheckPlus(OpenDirectory dir, const std::vector<Row>& rows) {
  std::map<std::string, Found> plus;
  size_t seen = 0;
  PLY_CHECK(fs().ReadDirPlus(me_, dir.node, dir.handle, 0, [&](const DirEntry& e, const Entry& entry) {
    ++seen;
    if (e.name == "." || e.name == "..") return true;
    if (entry.node != 0) {
      Keep(entry);
      plus[std::string(e.name)] = {entry.node, entry.attr};
    }
    return true;
  }));
  if (seen != rows.size()) return Errno(EUCLEAN);
  for (const Row& row : rows) {
    auto it = plus.find(row.name);
    if (it == plus.end()) continue;
    const Found& told = it->second;
    if (row.ino != told.attr.ino || row.type != IFTODT(told.attr.mode)) return Errno(EUCLEAN);
    Result<Found> found = LookUp(dir.node, row.name);
    if (!found.ok() || found->node != told.node || found->attr.ino != told.attr.ino) return Errno(EUCLEAN);
    plus.erase(it);
  }
  return plus.empty() ? OkStatus() : Status(Errno(EUCLEAN));
}

void EngineClient::LeaveDirectory() {
  if (last_listed_) fs().ReleaseDir(last_listed_->node, last_listed_->handle);
  last_listed_.reset();
}

Result<Listing> EngineClient::List(const Path& path) {
  PLY_TRY(Found found, WalkToDir(path));
  PLY_TRY(Opened opened, fs().OpenDir(me_, found.node, 0));
  const OpenDirectory dir{found.node, opened.handle};
  Result<std::vector<Row>> rows = ReadRows(dir, 100);
  Status read = rows.ok() ? OkStatus() : Status(rows.status());
  if (read.ok() && alone()) read = CheckRows(dir, *rows);
  if (read.ok() && alone()) read = CheckPlus(dir, *rows);
  LeaveDirectory();
  last_listed_ = dir;
  PLY_CHECK(read);
  Listing listing;
  for (size_t i = 2; i < rows->size(); ++i) {
    const Row& row = (*rows)[i];
    if (!listing.emplace(row.name, TypeOf(DTTOIF(row.type))).second) return Errno(EUCLEAN);
  }
  return listing;
}

Status EngineClient::RemoveDir(const Path& path) {
  if (path.empty()) return Errno(EBUSY);
  auto [parent, name] = SplitPath(path);
  PLY_TRY(Found dir, WalkToDir(parent));
  Result<Found> there = LookUp(dir.node, name);
  DropBeliefs();
  PLY_CHECK(fs().RemoveDir(me_, dir.node, Name::Trusted(name)));
  if (there.ok()) removed_ = there->node;
  const bool open = there.ok() && last_listed_ && last_listed_->node == there->node;
  if (open && ReadRows(*last_listed_, 1).error() != ENOENT) return Errno(EUCLEAN);  // D7
  return OkStatus();
}

}  // namespace plyfs::model
