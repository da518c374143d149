#include "engine/ops/resolve.h"

#include <fcntl.h>

#include "absl/hash/hash.h"
#include "engine/base/bug.h"
#include "engine/base/planted.h"
#include "engine/io/sys_open.h"
#include "engine/layer/object.h"
#include "engine/ops/copy_up.h"
#include "engine/ops/locate.h"
#include "engine/ops/name_change.h"
#include "engine/ops/narrow.h"
#include "engine/ops/stat_inode.h"

namespace plyfs {
namespace {

InodeInit DirInit(Parts& parts, const Probed& found, const LayerSetRef& copies) {
  InodeInit init;
  init.type = S_IFDIR;
  if (found.upper) init.upper = ObjectIdOf(found.top);
  init.st_ino = MapIno(parts, found.members.empty() ? init.upper : found.first_member);
  if (copies) {
    init.lowers = DirLowers{copies, {{0, found.members.front().path}}, ObjectId()};
  } else {
    init.lowers = LowersOf(parts, found.members);
  }
  init.lowers.top = found.first_member;
  return init;
}

InodeInit FileInit(Parts& parts, const Probed& found) {
  InodeInit init;
  init.type = found.top.stx_mode & S_IFMT;
  ObjectId top = ObjectIdOf(found.top);
  init.st_ino = MapIno(parts, top);
  if (!found.upper) {
    init.lower = found.lower;
    init.data = DataOf(found);
    return init;
  }
  init.upper = top;
  if (found.origin && !Planted(Plant::kRemount)) init.st_ino = MapIno(parts, *found.origin);
  return init;
}

constexpr uint64_t kNoDevice = uint64_t{1} << 63;  // no device's number has it

// What a lower directory is known by: its place in the merged tree, so that it stays the same object when the
// layers that hold it become others (design.md, "Inode numbers"), and so that one reached by two redirects is
// two (L14).
ObjectId PlaceOf(const Inode& dir, Name name) {
  return ObjectId{kNoDevice | 1, dir.id(), name.hash()};
}

// What the object is known by.  A lower file by its place as well: what is one below, with several links or
// at the end of several redirects, becomes as many when it is copied up (S6, L14; fs/overlayfs/inode.c:
// ovl_hash_bylower).
ObjectId KnownAs(const Parts& parts, const Inode& dir, Name name, const Probed& found) {
  ObjectId object = ObjectIdOf(found.top);
  if (found.upper) return object;
  if (S_ISDIR(found.top.stx_mode)) return PlaceOf(dir, name);
  if (!parts.config.has_upper()) return object;
  object.dev |= kNoDevice;
  object.birth ^= absl::HashOf(dir.id(), name.hash());
  return object;
}

// Whether the directory has only gained or lost copies: the topmost is the same, or another one is on top and
// a copy is still there.
bool Continues(const DirLowers& before, const Probed& found) {
  if (before.empty() || found.members.empty()) return false;
  const LowerMember& top = found.members.front();
  if (top.layer == before.layer(0) && top.path == before.path(0)) return found.first_member == before.top;
  for (size_t i = 0; i < before.size(); ++i) {
    for (const LowerMember& member : found.members) {
      if (member.layer == before.layer(i) && member.path == before.path(i)) return true;
    }
  }
  return false;
}

// The inode of the lower directory that was here, if it is to be that of what is here now.
void KeepDirectory(Parts& parts, const InodeRef& dir, Name name, const Probed& found) {
  InodeRef before = parts.tree.inodes.FindObject(PlaceOf(*dir, name));
  if (!before) return;
  if (!Continues(before->lowers(), found)) {
    parts.tree.inodes.Disown(*before);
    parts.tree.listings.Drop(*before);
  } else if (found.upper) {
    // Upper got a copy by hand.
    parts.tree.inodes.Rekey(*before, ObjectIdOf(found.top));
    before->MarkUpper(ObjectIdOf(found.top));
    if (parts.coherence) parts.coherence->LayersChanged(before);
  }
}

// Whether a number that is not the upper object's own is another's (L14).
bool IsTaken(Parts& parts, const Probed& found, uint64_t number) {
  if (!found.upper) return false;
  const ObjectId upper = ObjectIdOf(found.top);
  return number != MapIno(parts, upper) && !parts.tree.numbers.Claim(number, upper);
}

// Not by the one that the layers say (D10).
void ListByItsNumber(const InodeRef& dir, Name name, const Inode& inode) {
  dir->ChangeListing([&](MergedDir& listing) { listing.SetIno(name.bytes(), inode.st_ino()); });
}

}  // namespace

LowerAnchor DataOf(const Probed& found) {
  if (found.data_path) return LowerAnchor{0, LowerPath::FromString(*found.data_path), ObjectId()};
  return found.data;
}

InodeRef LowerDirectoryAt(Parts& parts, const Inode& dir, Name name) {
  return parts.tree.inodes.FindObject(PlaceOf(dir, name));
}

InodeRef Admit(Parts& parts, const InodeRef& dir, Name name, const Probed& found, const LayerSetRef& copies) {
  bool is_dir = S_ISDIR(found.top.stx_mode);
  if (is_dir) KeepDirectory(parts, dir, name, found);
  InodeInit init = is_dir ? DirInit(parts, found, copies) : FileInit(parts, found);
  DirLowers lowers = init.lowers;
  uint64_t number_in_layers = init.st_ino;
  if (IsTaken(parts, found, init.st_ino)) init.st_ino = MapIno(parts, init.upper);
  const uint64_t number_anew = init.st_ino;
  InodeRef inode = parts.tree.inodes.Intern(KnownAs(parts, *dir, name, found), std::move(init));
  // No client knows it by the number that it had, and whoever makes it anew will not either.
  const bool renumbered = inode->st_ino() != number_anew && parts.tree.inodes.Renumber(*inode, number_anew);
  if (!is_dir) {
    if (inode->unlinked()) {
      // The last name known was removed, but here is another.  Nobody watched what was learned meanwhile.
      inode->DropAttr();
      inode->SetProtection(Inode::kUnknownProtection);
      inode->SetDataStamp(0);
    }
    inode->AddName(dir, name.bytes());
    if (renumbered || (found.upper && inode->st_ino() != number_in_layers))
      ListByItsNumber(dir, name, *inode);
    return inode;
  }
  // A hand has moved it: the place where it was known is told as any name that changes.
  std::optional<InodeName> before = inode->AnyName();
  if (before && !(before->parent == dir && before->name == name.bytes())) {
    parts.tree.dentries.Forget(before->parent->id(), before->name, inode->id());
  }
  parts.tree.inodes.NameDirectory(*inode, dir, name.bytes());
  // It keeps its number whatever joins it, and is listed by it (D10).
  if (renumbered || inode->st_ino() != number_in_layers) ListByItsNumber(dir, name, *inode);
  if (!SameLowers(inode->lowers(), lowers)) {
    // A layer gained or lost the directory by hand.
    inode->SetLowers(std::move(lowers));
    inode->DropListing();
    inode->DropAttr();
    if (parts.coherence) parts.coherence->LayersChanged(inode);
  }
  return inode;
}

namespace {

Result<Probed> Ask(Parts& parts, const InodeRef& dir, Name name, const Lowers& lowers, HeldCopies* held,
                   const ReadCopies* copies = nullptr) {
  int upper_fd = -1;
  SharedFd upper;
  if (dir->is_upper()) {
    PLY_TRY(upper, UpperDir(parts, dir));
    upper_fd = upper->get();
  }
  ProbeContext context = parts.probe_context();
  context.held = held;
  context.copies = copies;
  context.side_by_side = &parts.side_by_side;
  PLY_TRY(Probed found, ProbeName(context, upper_fd, lowers, name));
  if (found.upper_origin) {
    PLY_TRY(found.origin, parts.origins->Find(*found.upper_origin, found.top.stx_mode & S_IFMT));
  }
  return found;
}

}  // namespace

Result<Probed> ProbeNow(Parts& parts, const InodeRef& dir, Name name) {
  return Ask(parts, dir, name, AllMembers(*dir), nullptr);
}

namespace {

// What the cache's answer means; nothing where it does not know.
std::optional<InodeRef> Known(Parts& parts, const InodeRef& dir, Name name, const DentryCache::Found& found) {
  if (found.state == DentryCache::State::kAbsent) return InodeRef();
  if (found.state != DentryCache::State::kPresent) return std::nullopt;
  if (InodeRef inode = parts.tree.inodes.Find(found.node)) return inode;
  parts.tree.dentries.Forget(dir->id(), name.bytes(), found.node);
  return std::nullopt;
}

// An upper directory that lower ones join has the origin of the topmost; one made by other means gets it when
// it is first seen (L24; namei.c:ovl_fix_origin).  Best effort: everything works without.
void FixOrigin(Parts& parts, const InodeRef& dir, Name name, const Probed& found) {
  if (!parts.writable() || !found.upper || found.members.empty()) return;
  Result<SharedFd> above = UpperDir(parts, dir);
  if (!above.ok()) return;
  Result<UniqueFd> upper = sys::OpenBeneath((*above)->get(), name.str().c_str(), O_PATH | O_DIRECTORY);
  if (!upper.ok()) return;
  auto origin = parts.records.Get(upper->get(), Record::kOrigin);
  if (!origin.ok() || *origin) return;
  const Layer& layer = parts.stack->lower(found.members[0].layer);
  Result<UniqueFd> lower = layer.OpenAt(found.members[0].path, O_PATH | O_DIRECTORY);
  if (!lower.ok()) return;
  Result<std::string> made = parts.origins->Make(layer, lower->get());
  if (!made.ok() || !parts.records.Set(upper->get(), Record::kOrigin, *made).ok()) return;
  (void)MarkImpure(parts, (*above)->get());
  dir->DropAttr();  // its ctime
  if (parts.invalidator) parts.invalidator->InvalidateAttr(dir->id());
}

// A lower file's attributes have come with the answer.
void KeepAttr(Parts& parts, const InodeRef& inode, uint64_t version, const Probed& found) {
  if (found.upper || inode->is_dir() || inode->is_upper() || inode->data().exists()) return;
  // A change by another name, told since the layers were asked, would have gone unnoticed.
  if (inode->name_count() > 1) return;
  inode->StoreAttr(version, PresentAttr(parts, inode, found.top));
  if (!inode->AttrWatching().all) inode->DropAttr();
  parts.tree.FitAttrs();
}

// A change of the name until now would not have found the inode.
void ForgetUntold(Parts& parts, const InodeRef& inode) {
  inode->DropAttr();
  inode->SetProtection(Inode::kUnknownProtection);
  if (!inode->is_dir()) {
    inode->SetDataStamp(0);
  } else if (Inode::WatchOf(inode->watch_word()) != Inode::Watch::kNot) {
    parts.coherence->LayersChanged(inode);
  }
}

// The layers that hold the directory found, where the parent's listing knows them better than the probe,
// which has asked the topmost only; null.
LayerSetRef CopiesOf(const InodeRef& dir, const Listed& listed, const Probed& found) {
  LayerSetRef copies = PlainCopies(dir->lowers(), listed);
  // Another directory may hide them (opaque) or have joined others (a redirect).
  return copies && !found.redirected && !found.members.empty() ? copies : nullptr;
}

// Its copies are those that the parent's listing speaks of.  (It does only of layers that are promised not to
// change.)
void KnowFilled(const Listed& listed, const Probed& found, Inode& inode) {
  LayerSetRef filled = listed.filled();
  if (!filled || found.redirected) return;
  if (listed.listing->index()->plain_set(*listed.held.entry) == inode.lowers().layers) {
    inode.SetFilled(std::move(filled));
  }
}

struct Loaded {
  InodeRef inode;
  bool kept = false;
};

// What the layers say of the name is recorded; what it led to before is looked at again if it was another.
// Nothing: the name was changed while they were asked, so the answer may be old.
std::optional<Loaded> Record(Parts& parts, const InodeRef& dir, Name name, Trust trust,
                             const DentryCache::Ticket& ticket, const InodeRef& inode) {
  // Asked before it is recorded: whoever resets the watch later takes what stands there back.
  const bool kept = StillWatched(*dir, trust);
  DentryCache::Found answer{DentryCache::State::kUnknown, inode ? inode->id() : 0};
  if (kept) answer.state = inode ? DentryCache::State::kPresent : DentryCache::State::kAbsent;
  LowerPath spelling = inode ? inode->SpellingOf(*dir, name.bytes()) : LowerPath();
  if (!parts.tree.dentries.Finish(ticket, name, answer, std::move(spelling))) return std::nullopt;
  if (ticket.before != 0 && ticket.before != answer.node && parts.coherence) {
    parts.coherence->DoubtName(*dir, name, ticket.before);
  }
  return Loaded{inode, kept};
}

// Nothing: as above.
Result<std::optional<Loaded>> LoadOnce(Parts& parts, const InodeRef& dir, Name name, Trust trust,
                                       const DentryCache::Ticket& ticket, const ReadCopies* copies_read) {
  DentryCache& dentries = parts.tree.dentries;
  Listed listed = trust.keeps() ? ListedName(parts.tree, *dir, name) : Listed();
  if (listed.absent()) return Record(parts, dir, name, trust, ticket, InodeRef());
  uint64_t rounds = parts.coherence ? parts.coherence->rounds() : 0;
  if (copies_read && !(trust.keeps() && copies_read->word == trust.word)) copies_read = nullptr;
  Result<Probed> probed = Ask(parts, dir, name, WhomToAsk(*dir, listed), &parts.held, copies_read);
  if (!probed.ok()) {
    dentries.Abandon(ticket, name);
    return probed.status();
  }
  if (!listed.listing) dir->PayRent(probed->asked);
  if (probed->type == MergedType::kAbsent) return Record(parts, dir, name, trust, ticket, InodeRef());
  FixOrigin(parts, dir, name, *probed);
  LayerSetRef copies = CopiesOf(dir, listed, *probed);
  InodeRef inode = Admit(parts, dir, name, *probed, copies);
  if (parts.coherence && ticket.before != inode->id()) ForgetUntold(parts, inode);
  if (inode->is_dir()) KnowFilled(listed, *probed, *inode);
  if (inode->is_dir() && trust.keeps()) {
    inode->SetSeenCopies({probed->copies.settled_value(), trust.word, !probed->xwhiteouts});
  }
  // Before the name is: what drops it drops them.
  if (inode->is_dir() && !inode->listing()) parts.held.Put(inode->id(), std::move(probed->held));
  uint64_t version = inode->attr_version();
  std::optional<Loaded> loaded = Record(parts, dir, name, trust, ticket, inode);
  if (!loaded) {
    parts.held.Drop(inode->id());
    if (dentries.Find(dir->id(), name).node != inode->id()) inode->RemoveName(*dir, name.bytes());
    return loaded;
  }
  if (parts.coherence) parts.coherence->FoundBeside(inode, *probed, rounds);
  if (loaded->kept) KeepAttr(parts, inode, version, *probed);
  return loaded;
}

}  // namespace

Result<InodeRef> Resolve(Parts& parts, const InodeRef& dir, Name name, Buying buying,
                         const ReadCopies* copies) {
  constexpr int kRounds = 64;
  DentryCache& dentries = parts.tree.dentries;
  for (int round = 0; round < kRounds; ++round) {
    if (dir->unlinked()) return InodeRef();
    if (buying == Buying::kIfDue) BuyIfDue(parts, dir);
    Trust trust = WatchIfWorthwhile(parts, dir);
    if (trust.keeps()) {
      if (auto known = Known(parts, dir, name, dentries.Find(dir->id(), name))) return *known;
    }
    // One load a name: who comes second waits here and finds the answer in the cache.
    Exclusion::Hold loading = parts.loads.Acquire(LoadKey(*dir, name));
    if (!trust.keeps()) dentries.Doubt(dir->id(), name);
    DentryCache::Ticket ticket;
    DentryCache::Found found = dentries.FindOrBegin(dir->id(), name, &ticket);
    if (auto known = Known(parts, dir, name, found)) return *known;
    if (found.state != DentryCache::State::kUnknown) continue;
    PLY_TRY(std::optional<Loaded> loaded, LoadOnce(parts, dir, name, trust, ticket, copies));
    // Where nobody would tell of a change, nothing is kept (U2).
    if (loaded && (loaded->kept || !trust.keeps())) return loaded->inode;
  }
  // Changed by hand whenever it was being loaded: the answer is as true as any, and is not remembered.
  PLY_TRY(Probed now, ProbeNow(parts, dir, name));
  InodeRef inode = now.type == MergedType::kAbsent ? InodeRef() : Admit(parts, dir, name, now);
  LowerPath spelling = inode ? inode->SpellingOf(*dir, name.bytes()) : LowerPath();
  NodeId before = dentries.SetUnknown(dir->id(), name, inode ? inode->id() : 0, std::move(spelling));
  if (parts.coherence && before != 0 && (!inode || before != inode->id())) {
    parts.coherence->DoubtName(*dir, name, before);
  }
  return inode;
}

Result<InodeRef> ResolvePresent(Parts& parts, const InodeRef& dir, Name name) {
  PLY_TRY(InodeRef inode, Resolve(parts, dir, name));
  if (!inode) return Errno(ENOENT);
  return inode;
}

Result<bool> NeedsWhiteout(Parts& parts, const InodeRef& dir, Name name) {
  if (!dir->merged()) return false;
  return LowerPositive(parts.probe_context(), WhomToAsk(*dir, ListedName(parts.tree, *dir, name)).members,
                       name);
}

}  // namespace plyfs
