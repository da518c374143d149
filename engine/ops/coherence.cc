#include "engine/ops/coherence.h"

#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "engine/base/log.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/object.h"
#include "engine/ops/file_access.h"
#include "engine/ops/locate.h"
#include "engine/ops/orphan.h"
#include "engine/ops/parts.h"
#include "engine/ops/resolve.h"

namespace plyfs {

Coherence::Coherence(Parts& parts, const Watcher::Options& options)
    : parts_(parts), watcher_(*this, options) {}

Coherence::~Coherence() {
  stopping_.store(true, std::memory_order_relaxed);
}

void Coherence::Stop() {
  stopping_.store(true, std::memory_order_relaxed);
  watcher_.Wake();
}

// ---- watching

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

void Coherence::Marking::Mark(int copy, Watcher::Changes changes, const Layer* layer) {
  if (outcome_ != Watcher::Outcome::kWatched) return;
  outcome_ = coherence_.watcher_.Watch(dir_->id(), copy, changes);
  // After it was marked: a change from then on is told.
  if (Result<struct statx> st = sys::StatxFd(copy); st.ok()) copies_.Add(*st);
  if (outcome_ == Watcher::Outcome::kUnwatchable && layer) {
    LogOnce(
        coherence_.told_unwatchable_,
        "lowerdir=" + layer->path() + ": cannot be watched: changes made there by hand show after a second");
  }
}

std::optional<uint32_t> Coherence::Marking::Finish() {
  if (outcome_ == Watcher::Outcome::kNoRoom) coherence_.TellNoRoom();
  if (!AsSeen(*dir_, copies_) && !coherence_.SameCopies(dir_)) return std::nullopt;
  bool watched = outcome_ == Watcher::Outcome::kWatched;
  if (!dir_->SetWatch(before_, watched ? Inode::Watch::kWatched : Inode::Watch::kCannot)) return std::nullopt;
  return dir_->watch_word();
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
  if (!now.ok() || now->type != MergedType::kDirectory) return true;
  bool same_upper = now->upper ? ObjectIdOf(now->top) == dir->upper() : !dir->is_upper();
  DirLowers lowers = LowersOf(parts_, std::move(now->members));
  lowers.top = now->first_member;
  if (same_upper && SameLowers(dir->lowers(), lowers)) return true;
  parts_.tree.dentries.Erase(name->parent->id(), Name::Trusted(name->name));
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
  return watcher_.Watch(dir.id(), copy, Watcher::Changes::kOurs) == Watcher::Outcome::kWatched;
}

void Coherence::MakeRoom() {
  auto now = std::chrono::steady_clock::now();
  if (now - last_room_ < std::chrono::seconds(1)) return;
  last_room_ = now;
  wants_room_.store(false, std::memory_order_relaxed);
  std::vector<NodeId> nodes = watcher_.Nodes();
  auto dead =
      std::count_if(nodes.begin(), nodes.end(), [&](NodeId id) { return !parts_.tree.inodes.Find(id); });
  if (static_cast<size_t>(dead) * 4 < nodes.size()) return;
  // Taking single marks back would mean opening every directory again.
  watcher_.Flush();
  ForgetAll();
}

// ---- notices

void Coherence::OnEvents(std::vector<Watcher::Event> events, bool lost) {
  if (lost) {
    Log("lower=watch: more changes than could be told: everything is looked at again");
    ForgetAll();
  }
  RecheckAll(DoubtsOf(events));
  DropGone(events);
  if (wants_room_.load(std::memory_order_relaxed)) MakeRoom();
  while (!stopping_.load(std::memory_order_relaxed)) {
    std::vector<Doubt> later;
    {
      MutexLock lock(mu_);
      std::swap(later, later_);
    }
    if (later.empty()) return;
    RecheckAll(later);
  }
}

void Coherence::RecheckAll(const std::vector<Doubt>& doubts) {
  for (const Doubt& doubt : doubts) {
    if (stopping_.load(std::memory_order_relaxed)) return;
    Recheck(doubt);
  }
}

// One doubt a name, whatever happened to it: all of it has happened by now, and the truth is read once.
std::vector<Coherence::Doubt> Coherence::DoubtsOf(const std::vector<Watcher::Event>& events) {
  std::vector<Doubt> all;
  absl::flat_hash_set<NodeId> relisted;
  for (const Watcher::Event& event : events) {
    InodeRef dir = event.what != 0 ? parts_.tree.inodes.Find(event.node) : InodeRef();
    if (!dir) continue;
    if ((event.what & kChangedNames) && relisted.insert(event.node).second) ListingChanged(dir);
    if (event.name.empty()) {
      DirectoryItself(dir, event.what, &all);
    } else {
      all.push_back(Doubt{event.node, event.name, event.what, 0});
    }
  }
  std::sort(all.begin(), all.end(), [](const Doubt& a, const Doubt& b) {
    return std::tie(a.dir, a.name, a.child) < std::tie(b.dir, b.name, b.child);
  });
  std::vector<Doubt> doubts;
  for (Doubt& doubt : all) {
    bool again = !doubts.empty() && doubts.back().dir == doubt.dir && doubts.back().name == doubt.name;
    if (again) {
      doubts.back().what |= doubt.what;
      doubts.back().child = doubt.child;
    } else {
      doubts.push_back(std::move(doubt));
    }
  }
  return doubts;
}

// The directory's parent sees it by name as well, where the parent is watched in this layer (a redirect may
// lead to where it is not).
void Coherence::DirectoryItself(const InodeRef& dir, uint8_t what, std::vector<Doubt>* doubts) {
  std::optional<InodeName> name = dir->AnyName();
  if (!name) {
    ObjectChanged(dir, /*data=*/false);
  } else {
    doubts->push_back(Doubt{name->parent->id(), std::move(name->name), what, dir->id()});
  }
}

void Coherence::DropGone(const std::vector<Watcher::Event>& events) {
  for (const Watcher::Event& event : events) {
    if (!event.gone) continue;
    InodeRef inode = parts_.tree.inodes.Find(event.node);
    if (!inode || inode->unlinked()) watcher_.Remove(event.key, event.node);
  }
}

// ---- one name

void Coherence::Recheck(const Doubt& doubt) {
  InodeRef dir = parts_.tree.inodes.Find(doubt.dir);
  if (!dir) return;
  Name name = Name::Trusted(doubt.name);
  // Between its act on disk and its publishing, a change of ours must not be taken for somebody else's.
  Exclusion::Hold changing = parts_.dir_changes.Acquire(dir->id());
  if (dir->unlinked()) return;
  DentryCache::Found known = parts_.tree.dentries.Find(dir->id(), name);
  NodeId id = known.state == DentryCache::State::kPresent ? known.node : 0;
  if (doubt.child != 0) id = doubt.child;
  InodeRef child = id != 0 ? parts_.tree.inodes.Find(id) : InodeRef();
  if (child && !child->HasName(*dir, doubt.name)) child = InodeRef();
  if (doubt.what == kChangedContent) {
    if (child) {
      ObjectChanged(child, /*data=*/true);
    } else {
      // Whoever is just being told its attributes is to ask again.
      parts_.tree.dentries.Erase(dir->id(), name);
    }
    return;
  }
  NameInDoubt(dir, name, child, doubt.what);
}

void Coherence::NameInDoubt(const InodeRef& dir, Name name, const InodeRef& child, uint8_t what) {
  parts_.tree.dentries.Erase(dir->id(), name);
  if (!child) {
    if (parts_.invalidator) parts_.invalidator->InvalidateEntry(dir->id(), name.bytes());
    return;
  }
  // Where its data come from may have changed, which an inode never does: it is made anew.
  bool indirect = child->is_regular() && !child->is_upper() &&
                  (parts_.rules.metacopy || parts_.rules.data_layers || child->data().exists());
  if (indirect) parts_.tree.inodes.Disown(*child);
  Result<InodeRef> now = Resolve(parts_, dir, name);
  if (now.ok() && *now == child) {
    // A copy may be another one under the same name.
    if (child->is_dir() && (what & (kChangedNames | kDirectoryMoved))) LayersChanged(child);
    ObjectChanged(child, child->is_dir() || (what & kChangedContent));
    return;
  }
  if (now.ok()) LoseName(dir, name, child);
  if (parts_.invalidator) parts_.invalidator->InvalidateEntry(dir->id(), name.bytes());
}

namespace {

// Who has the file open goes on with it, wherever its object is now: the handle's descriptor is at hand, and
// none other may ever be had.
void KeepOpened(Parts& parts, const InodeRef& inode) {
  if (inode->opens() == 0 || !inode->is_regular() || inode->data().exists()) return;
  Handle handle = parts.files.FindIf([&](const OpenFile& file) { return file.inode == inode; });
  Result<FileAccess> access = AccessFile(parts, handle);
  if (!access.ok()) return;
  Result<UniqueFd> pin = sys::Reopen(access->get(), O_PATH);
  if (pin.ok()) inode->SetKeeper(Orphan::Pin(parts.pins, *std::move(pin)));
}

}  // namespace

// Another object, or none, is there now.  Whoever holds `child` keeps it as it was, nameless (N19, S10).
void Coherence::LoseName(const InodeRef& dir, Name name, const InodeRef& child) {
  ObjectChanged(child, /*data=*/true);
  if (child->RemoveName(*dir, name.bytes()) > 0) return;
  KeepOpened(parts_, child);
  child->MarkUnlinked();
  if (child->is_dir()) ForgetBeneath(child);
  // An upper file may have other names that nobody has looked up; they would find it by its object.
  if (child->is_dir() || !child->is_upper()) parts_.tree.inodes.Disown(*child);
}

void Coherence::ObjectChanged(const InodeRef& inode, bool data) {
  ForgetObject(inode);
  if (!parts_.invalidator) return;
  if (data) {
    parts_.invalidator->InvalidateData(inode->id());
  } else {
    parts_.invalidator->InvalidateAttr(inode->id());
  }
}

void Coherence::ListingChanged(const InodeRef& dir) {
  dir->DropListing();
  dir->DropAttr();
  if (parts_.invalidator) parts_.invalidator->InvalidateData(dir->id());
}

// ---- many names

void Coherence::ForgetObject(const InodeRef& inode) {
  inode->DropAttr();
  inode->SetProtection(Inode::kUnknownProtection);
  if (inode->is_dir()) {
    inode->DropListing();
  } else {
    inode->SetDataStamp(0);
  }
}

void Coherence::LayersChanged(const InodeRef& dir) {
  dir->ResetWatch();
  ForgetBeneath(dir);
}

void Coherence::ForgetAll() {
  if (InodeRef root = parts_.tree.inodes.Find(kRootNode)) LayersChanged(root);
}

namespace {

// `top` and every inode that has a name beneath it; for the root, every inode.
std::vector<InodeRef> Beneath(Tree& tree, const InodeRef& top) {
  std::vector<InodeRef> all = tree.inodes.All();
  if (top->id() == kRootNode) return all;
  absl::flat_hash_map<NodeId, bool> known{{top->id(), true}, {kRootNode, false}};
  auto beneath = [&](const InodeRef& inode) {
    std::vector<NodeId> path;
    InodeRef at = inode;
    bool found = false;
    while (true) {
      if (auto it = known.find(at->id()); it != known.end()) {
        found = it->second;
        break;
      }
      path.push_back(at->id());
      std::optional<InodeName> name = at->AnyName();
      if (!name) break;
      at = name->parent;
    }
    for (NodeId id : path) known.emplace(id, found);
    return found;
  };
  std::vector<InodeRef> chosen;
  for (const InodeRef& inode : all) {
    if (inode->is_dir()) {
      if (beneath(inode)) chosen.push_back(inode);
      continue;
    }
    std::vector<InodeName> names = inode->Names();
    if (std::any_of(names.begin(), names.end(), [&](const InodeName& n) { return beneath(n.parent); })) {
      chosen.push_back(inode);
    }
  }
  return chosen;
}

}  // namespace

void Coherence::ForgetBeneath(const InodeRef& top) {
  std::vector<InodeRef> beneath = Beneath(parts_.tree, top);
  absl::flat_hash_set<NodeId> dirs;
  // First the watch words, so that nothing read before is kept, then what is kept already.
  for (const InodeRef& inode : beneath) {
    if (!inode->is_dir()) continue;
    inode->ResetWatch();
    parts_.dir_fds.Erase(inode->id());
    dirs.insert(inode->id());
  }
  for (const InodeRef& inode : beneath) ObjectChanged(inode, /*data=*/true);
  for (const auto& [parent, name] : parts_.tree.dentries.Take([&](NodeId id) { return dirs.contains(id); })) {
    if (parts_.invalidator) parts_.invalidator->InvalidateEntry(parent, name);
  }
  if (top->unlinked()) return;
  // Directories, and files that are held open, may be used without being looked up again.
  std::erase_if(beneath, [](const InodeRef& inode) { return !inode->is_dir() && inode->opens() == 0; });
  DoubtLater(beneath);
}

void Coherence::DoubtLater(const std::vector<InodeRef>& objects) {
  std::vector<std::pair<size_t, Doubt>> doubts;
  for (const InodeRef& inode : objects) {
    size_t depth = 0;
    for (std::optional<InodeName> n = inode->AnyName(); n; n = n->parent->AnyName()) ++depth;
    for (InodeName& name : inode->Names()) {
      doubts.emplace_back(depth,
                          Doubt{name.parent->id(), std::move(name.name), kChangedAttributes, inode->id()});
    }
  }
  std::sort(doubts.begin(), doubts.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Doubt> sorted;
  for (auto& [depth, doubt] : doubts) sorted.push_back(std::move(doubt));
  Later(std::move(sorted));
}

void Coherence::Later(std::vector<Doubt> doubts) {
  if (doubts.empty()) return;
  {
    MutexLock lock(mu_);
    std::move(doubts.begin(), doubts.end(), std::back_inserter(later_));
  }
  watcher_.Wake();
}

// ---- for those who read

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

void DoubtNames(Parts& parts, const InodeRef& inode) {
  inode->DropAttr();
  for (const InodeName& name : inode->Names()) {
    parts.tree.dentries.EraseIf(name.parent->id(), name.name, inode->id());
  }
  if (parts.coherence) parts.coherence->DoubtLater({inode});
}

}  // namespace plyfs
