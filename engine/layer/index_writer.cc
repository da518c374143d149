#include "engine/layer/index_writer.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <vector>

#include "engine/format/layer_index_block.h"
#include "engine/format/xattr_names.h"
#include "engine/io/sys_creds.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_file.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/io/sys_xattr.h"
#include "engine/layer/index_file.h"
#include "engine/layer/layer.h"
#include "engine/layer/object.h"

namespace plyfs {
namespace {

constexpr size_t kLongestName = 255;

// The file while it is being written, under another name; gone unless it was put into place.
class NewFile {
 public:
  static Result<NewFile> Make(int folder, const std::string& name) {
    NewFile file(folder, "." + name + "." + std::to_string(::getpid()));
    (void)sys::UnlinkAt(folder, file.temporary_.c_str());  // of a process that ended
    PLY_TRY(file.fd_, sys::OpenBeneath(folder, file.temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL, 0644));
    return file;
  }
  NewFile(NewFile&& other) noexcept = default;
  ~NewFile() {
    if (fd_) (void)sys::UnlinkAt(folder_, temporary_.c_str());
  }

  Status Write(std::string_view bytes, uint64_t at) {
    while (!bytes.empty()) {
      PLY_TRY(size_t wrote, sys::Pwrite(fd_.get(), bytes.data(), bytes.size(), at));
      if (wrote == 0) return Errno(EIO);
      bytes.remove_prefix(wrote);
      at += wrote;
    }
    return OkStatus();
  }
  Status PutInPlace(const std::string& name) {
    PLY_CHECK(sys::Fsync(fd_.get()));
    PLY_CHECK(sys::RenameAt2(folder_, temporary_.c_str(), folder_, name.c_str()));
    fd_.reset();
    return sys::Fsync(folder_);
  }

 private:
  NewFile(int folder, std::string temporary) : folder_(folder), temporary_(std::move(temporary)) {}
  int folder_;
  std::string temporary_;
  UniqueFd fd_;
};

TimeSpec Now() {
  struct timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return TimeSpec{now.tv_sec, static_cast<uint32_t>(now.tv_nsec)};
}

// What there is in extended attributes.  What cannot be read is left to the layer.
void ReadXattrs(int fd, IndexEntry* entry) {
  Result<std::string> list = sys::ListXattr(fd);
  if (list.error() == EOPNOTSUPP) return;
  if (!list.ok()) {
    entry->ask_layer = true;
    return;
  }
  for (size_t at = 0; at < list->size();) {
    const std::string name(list->c_str() + at);
    at += name.size() + 1;
    if (!IsIndexedRecord(name)) {
      entry->others = true;
      continue;
    }
    Result<std::string> value = sys::GetXattr(fd, name.c_str());
    if (value.ok()) {
      entry->records.emplace_back(name, *std::move(value));
    } else if (value.error() != ENODATA) {
      entry->ask_layer = true;
    }
  }
}

IndexEntry EntryOf(int fd, const struct statx& st, std::string name) {
  IndexEntry entry;
  entry.name = std::move(name);
  entry.attr = AttrOf(st);
  entry.has_birth = (st.stx_mask & STATX_BTIME) != 0;
  ReadXattrs(fd, &entry);
  if (!S_ISLNK(st.stx_mode)) return entry;
  Result<std::string> target = sys::ReadLinkAt(fd, "");
  if (target.ok()) {
    entry.target = *std::move(target);
  } else {
    entry.ask_layer = true;
  }
  return entry;
}

class LayerWalk {
 public:
  LayerWalk(const Layer& layer, IndexEncoder& encoder, const std::function<void(const IndexProgress&)>& told)
      : layer_(layer), encoder_(encoder), told_(told) {}

  // On failure *at is where.
  Status Run(IndexProgress* progress, std::string* at) {
    todo_.emplace_back();
    while (!todo_.empty()) {
      const std::string path = std::move(todo_.back());
      todo_.pop_back();
      Status done = Directory(path, progress);
      if (!done.ok()) {
        *at = path;
        return done;
      }
      told_(*progress);
    }
    return OkStatus();
  }

 private:
  Result<UniqueFd> Open(const std::string& path, int flags) const {
    return layer_.OpenAt(path.empty() ? std::string(".") : path, flags);
  }

  // A directory that cannot be read, or is of another filesystem, is not in the file: mounts ask the layer.
  Status Directory(const std::string& path, IndexProgress* progress) {
    Result<UniqueFd> fd = Open(path, O_RDONLY | O_DIRECTORY | O_NOATIME);
    if (fd.error() == EPERM) fd = Open(path, O_RDONLY | O_DIRECTORY);
    if (!fd.ok()) return path.empty() || IsTrouble(fd.error()) ? Status(fd.status()) : OkStatus();
    // Before it is listed: a change from then on shows in its times.
    PLY_TRY(struct statx st, sys::StatxFd(fd->get()));
    if (ObjectIdOf(st).dev != layer_.device()) return OkStatus();
    std::vector<IndexEntry> entries{EntryOf(fd->get(), st, "")};
    std::vector<std::string> names;
    sys::DirReader reader(fd->get());
    for (;;) {
      Result<const sys::DirReader::Entry*> next = reader.Next();
      if (!next.ok()) return path.empty() || IsTrouble(next.error()) ? Status(next.status()) : OkStatus();
      if (*next == nullptr) break;
      if ((*next)->name.size() > kLongestName) return OkStatus();
      names.emplace_back((*next)->name);
    }
    std::sort(names.begin(), names.end());
    std::vector<std::string> below;
    for (const std::string& name : names) PLY_CHECK(Child(fd->get(), path, name, &entries, &below, progress));
    progress->directories += 1;
    progress->entries += entries.size() - 1;
    PLY_CHECK(encoder_.AddDirectory(path, std::move(entries)));
    // Topmost of the pile comes next: in the order of their names.
    todo_.insert(todo_.end(), std::make_move_iterator(below.rbegin()), std::make_move_iterator(below.rend()));
    return OkStatus();
  }

  Status Child(int dir, const std::string& path, const std::string& name, std::vector<IndexEntry>* entries,
               std::vector<std::string>* below, IndexProgress* progress) {
    const std::string child = path.empty() ? name : path + "/" + name;
    Result<UniqueFd> fd = sys::OpenBeneath(dir, name.c_str(), O_PATH);
    // Something is mounted on it: what lies beneath is the layer's.
    if (fd.error() == EXDEV) fd = layer_.OpenAt(child, O_PATH);
    if (fd.error() == ENOENT) return OkStatus();  // removed meanwhile: the directory's times say so
    if (!fd.ok()) return fd.status();
    PLY_TRY(struct statx st, sys::StatxFd(fd->get()));
    IndexEntry entry = EntryOf(fd->get(), st, name);
    entry.ask_layer |= ObjectIdOf(st).dev != layer_.device();
    entry.holds_nothing = S_ISDIR(st.stx_mode) && !entry.ask_layer && HoldsNothing(fd->get());
    // What holds nothing has no place of its own: all there is to say of it stands here.
    const bool descend = S_ISDIR(st.stx_mode) && !entry.holds_nothing && IndexEncoder::Fits(child);
    if (descend) below->push_back(child);
    progress->directories += entry.holds_nothing ? 1 : 0;
    entries->push_back(std::move(entry));
    return OkStatus();
  }

  // False also where that cannot be said.
  static bool HoldsNothing(int dir) {
    Result<UniqueFd> fd = sys::OpenBeneath(dir, ".", O_RDONLY | O_DIRECTORY | O_NOATIME);
    if (!fd.ok()) return false;
    sys::DirReader reader(fd->get());
    Result<const sys::DirReader::Entry*> first = reader.Next();
    return first.ok() && *first == nullptr;
  }

  // Of the machine or the filesystem, not of one directory's permissions or of its having gone.
  static bool IsTrouble(int error) {
    return error != EACCES && error != EPERM && error != ENOENT && error != ENOTDIR && error != ELOOP &&
           error != ENAMETOOLONG && error != EREMOTE;
  }

  const Layer& layer_;
  IndexEncoder& encoder_;
  const std::function<void(const IndexProgress&)>& told_;
  std::vector<std::string> todo_;
};

}  // namespace

Result<IndexProgress> WriteLayerIndex(const std::string& path, int folder,
                                      const std::function<void(const IndexProgress&)>& told,
                                      std::string* error_line) {
  auto fail = [&](const std::string& what, Errno error, const char* remedy) {
    *error_line = what + ": " + std::strerror(error.value()) + "; " + remedy;
    return error;
  };
  Result<std::unique_ptr<Layer>> layer = Layer::Open(0, path);
  if (!layer.ok()) return fail(path, layer.status(), "name a layer's directory");
  IndexHeader about;
  about.made = Now();
  Result<struct statx> root = sys::StatxFd((*layer)->root());
  if (!root.ok()) return fail(path, root.status(), "name a layer's directory");
  about.root_ctime = TimeSpec{root->stx_ctime.tv_sec, root->stx_ctime.tv_nsec};
  about.trusted = sys::InInitialUserNamespace() && sys::HasCapability(CAP_SYS_ADMIN);
  about.acls = sys::GetXattr((*layer)->root(), kXattrAccessAcl.data()).error() != EOPNOTSUPP;
  Result<LayerIdentity> identity = IdentityOf(**layer);
  if (!identity.ok()) {
    return fail(path, identity.status(),
                "only layers on a filesystem that has file handles can be known again");
  }
  about.layer = *identity;
  IndexHashKey key;
  if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size())) return Errno(EIO);
  const std::string name = IndexFileName(*identity);
  Result<NewFile> file = NewFile::Make(folder, name);
  if (!file.ok()) return fail(name, file.status(), "name a directory that can be written to");
  uint64_t at = kIndexHeaderSize;
  bool file_failed = false;
  IndexEncoder encoder(key, [&](std::string_view bytes) {
    Status wrote = file->Write(bytes, at);
    file_failed |= !wrote.ok();
    at += bytes.size();
    return wrote;
  });
  IndexProgress progress;
  std::string where;
  Status walked = LayerWalk(**layer, encoder, told).Run(&progress, &where);
  if (!walked.ok() && !file_failed) {
    return fail(path + "/" + where, walked.status(), "make it readable, or leave the layer out");
  }
  const char* remedy = "make room in the directory of the indices";
  if (!walked.ok()) return fail(name, walked.status(), remedy);
  Result<IndexHeader> header = encoder.Finish(about);
  if (!header.ok()) return fail(name, header.status(), remedy);
  Status written = file->Write(EncodeIndexHeader(*header), 0);
  if (written.ok()) written = file->PutInPlace(name);
  if (!written.ok()) return fail(name, written.status(), remedy);
  progress.bytes = header->file_size();
  return progress;
}

}  // namespace plyfs
