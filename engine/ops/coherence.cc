#include "engine/ops/coherence.h"

#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/format/whiteout_names.h"
#include "engine/io/sys_open.h"
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

// ---- notices

void Coherence::OnEvents(std::vector<Watcher::Event> events, bool lost) {
  rounds_.fetch_add(1, std::memory_order_acq_rel);
  if (lost) {
    Log("lower=watch: more changes than could be told: everything is looked at again");
    ForgetAll();
  }
  absl::flat_hash_set<NodeId> relisted;
  RecheckAll(DoubtsOf(events, &relisted));
  // Read again before the names were looked at, they may list their old numbers (D10).
  for (NodeId id : relisted) {
    if (InodeRef dir = parts_.tree.inodes.Find(id)) ListingChanged(dir);
  }
  DoubtRedirected(events);
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

namespace {

bool ChangesListing(const Inode& dir, const Watcher::Event& event) {
  if (event.what & kChangedNames) return true;
  if (event.name.empty()) return false;
  // A file may have become a whiteout or ceased to be one (X5), and somebody may be reading the listing now.
  std::shared_ptr<MergedDir> listing = dir.listing();
  return !listing || listing->xattr_whiteouts();
}

}  // namespace

// One doubt a name, whatever happened to it: all of it has happened by now, and the truth is read once.
std::vector<Coherence::Doubt> Coherence::DoubtsOf(const std::vector<Watcher::Event>& events,
                                                  absl::flat_hash_set<NodeId>* relisted) {
  std::vector<Doubt> all;
  for (const Watcher::Event& event : events) {
    InodeRef dir = event.what != 0 ? parts_.tree.inodes.Find(event.node) : InodeRef();
    if (!dir || !dir->is_dir()) continue;
    if (ChangesListing(*dir, event) && relisted->insert(event.node).second) ListingChanged(dir);
    const bool by_name = parts_.records.read_whiteout_names() && IsWhiteoutName(event.name);
    std::string name(by_name ? HiddenBy(event.name) : event.name);
    if (name.empty()) {
      DirectoryItself(dir, event.what, &all);
    } else {
      all.push_back(Doubt{event.node, std::move(name), event.what, 0});
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
  if (doubt.name.empty()) return AfterChange(dir);
  Name name = Name::Trusted(doubt.name);
  // Between its act on disk and its publishing, a change of ours must not be taken for somebody else's.
  Exclusion::Hold changing = parts_.dir_changes.Acquire(dir->id());
  if (dir->unlinked()) return;
  // Read anew while a change of ours was between the two, the listing may have had that change made to it.
  if (doubt.what & kChangedNames) dir->DropListing();
  InodeRef child = MeantBy(doubt, *dir);
  if (!child && doubt.what == 0) return;
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

// Null: nobody who is known.
InodeRef Coherence::MeantBy(const Doubt& doubt, const Inode& dir) {
  auto named = [&](NodeId node) {
    InodeRef inode = node != 0 ? parts_.tree.inodes.Find(node) : InodeRef();
    return inode && inode->HasName(dir, doubt.name) ? inode : InodeRef();
  };
  if (InodeRef child = named(doubt.child)) return child;
  if (doubt.what == 0) return InodeRef();
  // The one that was meant may have lost the name since; it is looked at where it is now.
  if (InodeRef moved = doubt.child != 0 ? parts_.tree.inodes.Find(doubt.child) : InodeRef()) {
    ObjectChanged(moved, /*data=*/true);
    DoubtLater({moved});
  }
  return named(parts_.tree.dentries.Find(dir.id(), Name::Trusted(doubt.name)).node);
}

bool Coherence::SameData(const InodeRef& dir, Name name, const Inode& child) {
  Result<Probed> found = ProbeNow(parts_, dir, name);
  return found.ok() && DataOf(*found) == child.data();
}

void Coherence::NameInDoubt(const InodeRef& dir, Name name, const InodeRef& child, uint8_t what) {
  if (!child) {
    parts_.tree.dentries.Erase(dir->id(), name);
    if (parts_.invalidator) parts_.invalidator->InvalidateEntry(dir->id(), name.bytes());
    return;
  }
  parts_.tree.dentries.Doubt(dir->id(), name);
  // Where its data come from may have changed, which an inode never does: it is made anew.
  bool indirect = child->is_regular() && !child->is_upper() &&
                  (parts_.rules.metacopy || parts_.rules.data_layers || child->data().exists());
  if (indirect && !SameData(dir, name, *child)) parts_.tree.inodes.Disown(*child);
  Result<InodeRef> now = Resolve(parts_, dir, name);
  if (now.ok() && *now == child) {
    // A copy may be another one under the same name.
    if (child->is_dir() && (what & (kChangedNames | kDirectoryMoved))) LayersChanged(child);
    ObjectChanged(child, child->is_dir() || (what & kChangedContent));
    return;
  }
  if (now.ok()) {
    LoseName(dir, name, child);
  } else {
    ObjectChanged(child, /*data=*/true);
  }
  // A directory known under another name was moved here.
  if (now.ok() && *now) ObjectChanged(*now, /*data=*/false);
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
  if (!child->LoseName(*dir, name.bytes())) return;
  KeepOpened(parts_, child);
  if (child->is_dir()) {
    ForgetBeneath(child);
    parts_.tree.listings.Drop(*child);
  }
  // What is in upper is found by its object, under another name that nobody has looked up or where it was
  // moved: there is never a second inode of a directory that this one's changes would pass by.
  if (!child->is_upper()) parts_.tree.inodes.Disown(*child);
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
  dir->NoteChangedByHand(MonotonicSeconds());
  dir->DropAttr();
  if (parts_.invalidator) parts_.invalidator->InvalidateData(dir->id());
}

}  // namespace plyfs
