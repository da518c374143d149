#include "engine/ops/resolve.h"

#include "engine/base/bug.h"
#include "engine/layer/object.h"
#include "engine/ops/locate.h"
#include "engine/ops/stat_inode.h"

namespace plyfs {
namespace {

// Whether a lower object is known by what it is: a file with several links is not, since its links part at
// copy-up (fs/overlayfs/inode.c:ovl_hash_bylower).
bool KnownByObject(const Parts& parts, const Probed& found) {
  return found.upper || !parts.config.has_upper() || S_ISDIR(found.top.stx_mode) || found.top.stx_nlink <= 1;
}

InodeInit DirInit(Parts& parts, const Probed& found) {
  InodeInit init;
  init.type = S_IFDIR;
  if (found.upper) init.upper = ObjectIdOf(found.top);
  init.st_ino = MapIno(parts, found.members.empty() ? init.upper : found.first_member);
  init.lowers = LowersOf(parts, found.members);
  return init;
}

InodeInit FileInit(Parts& parts, const Probed& found) {
  InodeInit init;
  init.type = found.top.stx_mode & S_IFMT;
  ObjectId top = ObjectIdOf(found.top);
  init.st_ino = MapIno(parts, top);
  if (!found.upper) {
    init.lower = found.lower;
    init.data = found.data;
    if (found.data_path) init.data = LowerAnchor{0, LowerPath::FromString(*found.data_path), ObjectId()};
    return init;
  }
  init.upper = top;
  if (found.upper_origin) {
    std::optional<ObjectId> origin = parts.origins->Find(*found.upper_origin, init.type);
    if (origin) init.st_ino = MapIno(parts, *origin);
  }
  return init;
}

bool SameLowers(const DirLowers& a, const DirLowers& b) {
  if (a.layers != b.layers || a.runs.size() != b.runs.size()) return false;
  for (size_t i = 0; i < a.runs.size(); ++i) {
    if (a.runs[i].first != b.runs[i].first || !(a.runs[i].path == b.runs[i].path)) return false;
  }
  return true;
}

}  // namespace

InodeRef Admit(Parts& parts, const InodeRef& dir, Name name, const Probed& found) {
  bool is_dir = S_ISDIR(found.top.stx_mode);
  InodeInit init = is_dir ? DirInit(parts, found) : FileInit(parts, found);
  DirLowers lowers = init.lowers;
  InodeRef inode = KnownByObject(parts, found)
                       ? parts.tree.inodes.Intern(ObjectIdOf(found.top), std::move(init))
                       : parts.tree.inodes.Insert(std::move(init));
  if (!is_dir) {
    inode->AddName(dir, name.bytes());
    // The last name known was removed, but here is another.
    inode->ClearUnlinked();
    return inode;
  }
  inode->SetOnlyName(dir, name.bytes());
  if (!SameLowers(inode->lowers(), lowers)) {
    // A layer gained or lost the directory by hand.
    inode->SetLowers(std::move(lowers));
    inode->DropListing();
    inode->DropAttr();
  }
  return inode;
}

Result<Probed> ProbeNow(Parts& parts, const InodeRef& dir, Name name) {
  int upper_fd = -1;
  SharedFd upper;
  if (dir->is_upper()) {
    PLY_TRY(upper, UpperDir(parts, dir));
    upper_fd = upper->get();
  }
  return ProbeName(parts.probe_context(), upper_fd, MembersOf(*dir), name);
}

namespace {

// What the cache's answer means; nothing where it does not know.
std::optional<InodeRef> Known(Parts& parts, const InodeRef& dir, Name name, const DentryCache::Found& found) {
  if (found.state == DentryCache::State::kAbsent) return InodeRef();
  if (found.state != DentryCache::State::kPresent) return std::nullopt;
  if (InodeRef inode = parts.tree.inodes.Find(found.node)) return inode;
  parts.tree.dentries.EraseIf(dir->id(), name.bytes(), found.node);
  return std::nullopt;
}

// Nothing: the name was changed while the layers were asked, so the answer may be old.
Result<std::optional<InodeRef>> LoadOnce(Parts& parts, const InodeRef& dir, Name name,
                                         const DentryCache::Ticket& ticket) {
  DentryCache& dentries = parts.tree.dentries;
  Result<Probed> probed = ProbeNow(parts, dir, name);
  if (!probed.ok()) {
    dentries.Abandon(ticket, name);
    return probed.status();
  }
  if (probed->type == MergedType::kAbsent) {
    bool kept = dentries.Finish(ticket, name, {DentryCache::State::kAbsent, 0});
    return kept ? std::optional<InodeRef>(InodeRef()) : std::nullopt;
  }
  InodeRef inode = Admit(parts, dir, name, *probed);
  if (dentries.Finish(ticket, name, {DentryCache::State::kPresent, inode->id()})) {
    return std::optional<InodeRef>(std::move(inode));
  }
  if (dentries.Find(dir->id(), name).node != inode->id()) inode->RemoveName(*dir, name.bytes());
  return std::optional<InodeRef>();
}

}  // namespace

Result<InodeRef> Resolve(Parts& parts, const InodeRef& dir, Name name) {
  constexpr int kRounds = 64;
  DentryCache& dentries = parts.tree.dentries;
  for (int round = 0; round < kRounds; ++round) {
    if (dir->unlinked()) return InodeRef();
    if (auto known = Known(parts, dir, name, dentries.Find(dir->id(), name))) return *known;
    // One load a name: who comes second waits here and finds the answer in the cache.
    Exclusion::Hold loading = parts.loads.Acquire(dir->id() * 31 + name.hash());
    DentryCache::Ticket ticket;
    DentryCache::Found found = dentries.FindOrBegin(dir->id(), name, &ticket);
    if (auto known = Known(parts, dir, name, found)) return *known;
    if (found.state != DentryCache::State::kUnknown) continue;
    PLY_TRY(std::optional<InodeRef> loaded, LoadOnce(parts, dir, name, ticket));
    if (loaded) return *loaded;
  }
  return PLY_BUG("a name changed during each of 64 loads");
}

Result<InodeRef> ResolvePresent(Parts& parts, const InodeRef& dir, Name name) {
  PLY_TRY(InodeRef inode, Resolve(parts, dir, name));
  if (!inode) return Errno(ENOENT);
  return inode;
}

Result<bool> NeedsWhiteout(Parts& parts, const InodeRef& dir, Name name) {
  if (!dir->merged()) return false;
  return LowerPositive(parts.probe_context(), MembersOf(*dir), name);
}

}  // namespace plyfs
