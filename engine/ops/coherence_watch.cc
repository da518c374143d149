// The watching half of coherence.h: which directories of the layers are watched for whom.
#include <fcntl.h>

#include <algorithm>

#include "engine/base/log.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/object.h"
#include "engine/ops/coherence.h"
#include "engine/ops/locate.h"
#include "engine/ops/parts.h"
#include "engine/ops/resolve.h"

namespace plyfs {

namespace {

Inode::Watch WatchFor(Watcher::Outcome outcome) {
  switch (outcome) {
    case Watcher::Outcome::kWatched:
      return Inode::Watch::kWatched;
    case Watcher::Outcome::kByFilesystem:
      return Inode::Watch::kButStores;
    default:
      return Inode::Watch::kCannot;
  }
}

}  // namespace

uint32_t Coherence::Watch(const InodeRef& dir) {
  if (uint32_t word = dir->watch_word(); Inode::WatchOf(word) != Inode::Watch::kNot) return word;
  WatchAbove(dir);
  return WatchOne(dir);
}

void Coherence::WatchAbove(const InodeRef& dir) {
  std::vector<InodeRef> path{dir};
  while (std::optional<InodeName> name = path.back()->AnyName()) path.push_back(name->parent);
  for (; path.size() > 1; path.pop_back()) (void)WatchOne(path.back());
}

uint32_t Coherence::WatchOne(const InodeRef& dir) {
  while (true) {
    uint32_t word = dir->watch_word();
    if (Inode::WatchOf(word) != Inode::Watch::kNot) return word;
    Marking marking(*this, dir);
    MarkCopies(dir, &marking);
    if (std::optional<uint32_t> now = marking.Finish()) return *now;
  }
}

Coherence::Marking::Marked Coherence::Marking::Mark(int copy, Watcher::Changes changes) const {
  Marked marked;
  // Nothing comes of it once one could not be.
  if (failed()) return Marked{outcome_, {}};
  marked.outcome = coherence_.watcher_.Watch(dir_->id(), copy, changes);
  // After it was marked: a change from then on is told.
  if (Result<struct statx> st = sys::StatxFd(copy); st.ok()) marked.copy.Add(*st);
  return marked;
}

bool Coherence::Marking::failed() const {
  return outcome_ == Watcher::Outcome::kNoRoom || outcome_ == Watcher::Outcome::kUnwatchable;
}

void Coherence::Marking::Note(const Marked& marked, const Layer* layer) {
  if (failed()) return;
  if (marked.outcome != Watcher::Outcome::kWatched) outcome_ = marked.outcome;
  copies_.Add(marked.copy);
  if (outcome_ == Watcher::Outcome::kUnwatchable && layer) {
    LogOnce(
        coherence_.told_unwatchable_,
        "lowerdir=" + layer->path() + ": cannot be watched: changes made there by hand show after a second");
  }
}

bool Coherence::Marking::RelyOnSeen() {
  relies_on_seen_ = dir_->seen_copies().digest != 0;
  if (!relies_on_seen_) coherence_.parts_.held.Drop(dir_->id());
  return relies_on_seen_;
}

std::optional<uint32_t> Coherence::Marking::Finish() {
  if (outcome_ == Watcher::Outcome::kNoRoom) coherence_.TellNoRoom();
  if (outcome_ == Watcher::Outcome::kByFilesystem) coherence_.TellByFilesystem();
  if (!AsSeen(*dir_, copies_)) {
    dir_->SetSeenCopies({});
    if (relies_on_seen_ || !coherence_.SameCopies(dir_)) return std::nullopt;
  }
  if (!dir_->SetWatch(before_, WatchFor(outcome_))) return std::nullopt;
  return dir_->watch_word();
}

void Coherence::TellByFilesystem() {
  LogOnce(told_by_filesystem_,
          "lower=watch: three quarters of fs.fanotify.max_user_marks are used: for further directories their "
          "filesystems are watched as a whole");
}

void Coherence::TellNoRoom() {
  LogOnce(told_no_room_,
          "lower=watch: no room for more watches (fs.fanotify.max_user_marks): changes made by hand in "
          "further directories show after a second, and these are read anew each time");
  wants_room_.store(true, std::memory_order_relaxed);
  watcher_.Wake();
}

// The lookup saw these very copies, and the parent, watched before that and ever since, would tell of others.
bool Coherence::AsSeen(const Inode& dir, const CopiesDigest& now) {
  Inode::SeenCopies seen = dir.seen_copies();
  std::optional<InodeName> name = dir.AnyName();
  return seen.digest != 0 && seen.digest == now.value() && name && name->parent->watched() &&
         name->parent->watch_word() == seen.parent_word;
}

// A copy may have come or gone by hand, or the records that say which copies join (opaque, redirect) may have
// been set, between the lookup of the directory and its being watched.
bool Coherence::SameCopies(const InodeRef& dir) {
  std::optional<InodeName> name = dir->AnyName();
  if (!name) return true;
  Result<Probed> now = ProbeNow(parts_, name->parent, Name::Trusted(name->name));
  if (!now.ok()) {
    // A record may forbid the merge by now (L12).  Who asks next is to find that out.
    parts_.tree.dentries.Doubt(name->parent->id(), Name::Trusted(name->name));
    DoubtLater({dir});
    return true;
  }
  if (now->type != MergedType::kDirectory) return true;
  bool same_upper = now->upper ? ObjectIdOf(now->top) == dir->upper() : !dir->is_upper();
  DirLowers lowers = LowersOf(parts_, std::move(now->members));
  lowers.top = now->first_member;
  if (same_upper && SameLowers(dir->lowers(), lowers)) return true;
  parts_.tree.dentries.Doubt(name->parent->id(), Name::Trusted(name->name));
  Result<InodeRef> looked_up = Resolve(parts_, name->parent, Name::Trusted(name->name), Buying::kNever);
  // Another object there now: whoever holds this one keeps it as it is.
  return !looked_up.ok() || !(*looked_up == dir);
}

void Coherence::MarkCopies(const InodeRef& dir, Marking* marking) {
  if (dir->is_upper()) {
    // Gone by hand: whoever reads it will see.
    if (Result<SharedFd> fd = UpperDir(parts_, dir); fd.ok()) marking->Upper((*fd)->get());
  }
  DirLowers lowers = dir->lowers();
  for (size_t i = 0; i < lowers.size(); ++i) {
    const Layer& layer = parts_.stack->lower(lowers.layer(i));
    Result<UniqueFd> fd = layer.OpenAt(lowers.path(i), O_PATH | O_DIRECTORY);
    if (fd.ok()) {
      marking->Lower(fd->get(), layer);
    } else if (fd.error() != ENOENT && fd.error() != ENOTDIR) {
      marking->Fail();
    }
    // Otherwise removed by hand: its parent in the layer is watched and tells.
  }
}

bool Coherence::WatchStaged(const Inode& dir, int copy) {
  const Watcher::Outcome outcome = watcher_.Watch(dir.id(), copy, Watcher::Changes::kOurs);
  return outcome == Watcher::Outcome::kWatched || WatchFor(outcome) == Inode::WatchOf(dir.watch_word());
}

void Coherence::MakeRoom() {
  auto now = std::chrono::steady_clock::now();
  if (now - last_room_ < std::chrono::seconds(1)) return;
  last_room_ = now;
  wants_room_.store(false, std::memory_order_relaxed);
  (void)parts_.tree.listings.ReleaseForgotten();
  std::vector<NodeId> nodes = watcher_.Nodes();
  auto dead =
      std::count_if(nodes.begin(), nodes.end(), [&](NodeId id) { return !parts_.tree.inodes.Find(id); });
  if (nodes.empty() || static_cast<size_t>(dead) * 4 < nodes.size()) return;
  // Taking single marks back would mean opening every directory again.
  watcher_.Flush();
  {
    MutexLock lock(mu_);
    redirected_.clear();
  }
  ForgetAll();
}

Trust WatchDir(Parts& parts, const InodeRef& dir) {
  return Trust{parts.coherence ? parts.coherence->Watch(dir) : dir->watch_word()};
}

Trust WatchIfWorthwhile(Parts& parts, const InodeRef& dir) {
  bool later = parts.coherence && parts.tree.ask_listings && dir->AskedLittle();
  return later ? Trust{dir->watch_word()} : WatchDir(parts, dir);
}

Inode::Watching WatchAround(Parts& parts, const InodeRef& inode) {
  if (parts.coherence) {
    for (const InodeName& name : inode->Names()) (void)WatchIfWorthwhile(parts, name.parent);
  }
  return inode->AttrWatching();
}

}  // namespace plyfs
