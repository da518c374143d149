// What happens to the tree seldom: loads that fail, names that nobody would tell of, copies with numbers of
// their own, numbers that are used again, directories that hands turn inside out, nameless inodes by the
// hundred, attributes.
#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>

#include "fuzz/input.h"
#include "fuzz/tree_world.h"

namespace plyfs {

using fuzz::Require;
using State = DentryCache::State;

void World::AbandonLoad(size_t i) {
  Load load = std::move(loads_[i]);
  loads_.erase(loads_.begin() + static_cast<ptrdiff_t>(i));
  const Name name = Name::Trusted(load.name);
  tree_.dentries.Abandon(load.ticket, name);
  Require(load.doubted || tree_.dentries.Find(load.dir->id(), name).state == State::kUnknown);
}

// Those that have found it.
void World::FinishLoadsOf(uint64_t object) {
  for (size_t i = loads_.size(); i-- > 0;) {
    if (loads_[i].answer && loads_[i].answer->object == object) FinishLoad(i);
  }
}

void World::DoubtIf(const Inode& dir, const std::string& name, bool wrong_node) {
  const DentryCache::Found before = tree_.dentries.Find(dir.id(), Name::Trusted(name));
  tree_.dentries.DoubtIf(dir.id(), name, before.node + (wrong_node ? 1 : 0));
  const DentryCache::Found after = tree_.dentries.Find(dir.id(), Name::Trusted(name));
  const bool doubted = before.state == State::kPresent && !wrong_node;
  Require(after.state == (doubted ? State::kUnknown : before.state) && after.node == before.node);
}

// As SetName of engine/ops/name_change.cc where the directory is not watched.
void World::NoteUnwatched(const InodeRef& dir, const std::string& name) {
  InodeRef inode = Resolve(dir, name);
  const NodeId node = inode ? inode->id() : 0;
  const NodeId before = tree_.dentries.SetUnknown(dir->id(), Name::Trusted(name), node,
                                                  inode ? inode->SpellingOf(*dir, name) : LowerPath());
  Require(before == node);
}

void World::Link(const InodeRef& dir, const std::string& name, const InodeRef& to,
                 const std::string& to_name) {
  InodeRef inode = Resolve(dir, name);
  if (!inode || inode->is_dir() || Resolve(to, to_name)) return;
  const Thing thing = *Truth(*dir, name);
  TruthOf(*to)[to_name] = thing;
  NoteChange(*to);
  inode->AddName(to, to_name);
  to->ChangeListing([&](MergedDir& listing) { listing.Insert(to_name, DT_REG, thing.object); });
  tree_.dentries.SetPresent(to->id(), Name::Trusted(to_name), inode->id(), inode->SpellingOf(*to, to_name));
}

// A file becomes one with a number of its own, as in copy-up (S6).  `seen_before`: somebody has come upon the
// copy before the inode was known by it.
void World::Split(const InodeRef& dir, const std::string& name, bool seen_before) {
  InodeRef inode = Resolve(dir, name), other;
  if (!inode || inode->is_dir() || CountNames(ObjectOf(*inode)) != 1) return;
  FinishLoadsOf(ObjectOf(*inode));
  const Thing split{next_object_++, false};
  const ObjectId object{1, split.object, 0};
  if (seen_before) {
    InodeInit init;
    init.type = S_IFREG;
    other = tree_.inodes.Intern(object, std::move(init));
    objects_[other->id()] = split.object;
  }
  TruthOf(*dir)[name] = split;
  NoteChange(*dir);
  tree_.inodes.Rekey(*inode, object);
  inode->SetIno(split.object);
  objects_[inode->id()] = split.object;
  latest_[split.object] = inode->id();
  dir->ChangeListing([&](MergedDir& listing) { listing.SetIno(name, split.object); });
  Require(tree_.inodes.FindObject(object) == inode);
}

void World::TellByHand(const InodeRef& dir, const std::string& name) {
  for (Load& load : loads_) load.doubted |= load.dir == dir && load.name == name;
  tree_.dentries.Doubt(dir->id(), Name::Trusted(name));
  NoteChange(*dir);
  dir->DropListing();
}

// As Coherence::NameInDoubt: what has no such name any more is not remembered by it.
void World::Recheck(const InodeRef& dir, const std::string& name) {
  const DentryCache::Found found = tree_.dentries.Find(dir->id(), Name::Trusted(name));
  const InodeRef inode = tree_.inodes.Find(found.node);
  if (found.state == State::kUnknown && !(inode && inode->HasName(*dir, name))) {
    tree_.dentries.Erase(dir->id(), Name::Trusted(name));
  }
}

// By hand: a file goes, and a directory comes that gets its number.
void World::Replace(const InodeRef& dir, const std::string& name) {
  const std::optional<Thing> there = Truth(*dir, name);
  if (!there || there->dir || CountNames(there->object) != 1) return;
  FinishLoadsOf(there->object);
  TruthOf(*dir)[name].dir = true;
  TellByHand(dir, name);
}

// By hand: the directory takes the place of the one that it is in, and that comes into it.  They are found in
// either order.
void World::TurnInsideOut(const InodeRef& dir, const std::string& name, bool inner_first) {
  const InodeRef outer = dir->Parent();
  const InodeRef top = outer ? outer->Parent() : InodeRef();
  if (!top || Truth(*dir, name)) return;
  const std::string in_outer = dir->AnyName()->name, in_top = outer->AnyName()->name;
  const Thing inner{ObjectOf(*dir), true}, around{ObjectOf(*outer), true};
  if (Truth(*outer, in_outer) != inner || Truth(*top, in_top) != around) return;
  FinishLoadsOf(inner.object);
  FinishLoadsOf(around.object);
  TruthOf(*outer).erase(in_outer);
  TruthOf(*top)[in_top] = inner;
  TruthOf(*dir)[name] = around;
  moved_.insert({inner.object, around.object});
  TellByHand(outer, in_outer);
  TellByHand(top, in_top);
  TellByHand(dir, name);
  if (inner_first) {
    Lookup(top, in_top);
  } else {
    Lookup(dir, name);
  }
  Recheck(outer, in_outer);
  Recheck(top, in_top);
}

void World::MakeNameless(size_t count) {
  constexpr size_t kMost = 1200;
  for (; count > 0 && nameless_.size() < kMost; --count) {
    InodeInit init;
    init.type = S_IFREG;
    const InodeRef inode = count % 2 == 0 ? tree_.inodes.Insert(std::move(init))
                                          : tree_.inodes.Intern(ObjectId(), std::move(init));
    Require(given_.insert(inode->id()).second && !objects_.contains(inode->id()));
    tree_.inodes.AddLookup(*inode);
    nameless_.push_back(inode->id());
  }
}

// The client forgets what it never held.
void World::ForgetUnheld() {
  InodeInit init;
  init.type = S_IFREG;
  const InodeRef inode = tree_.inodes.Intern(ObjectId{3, next_object_++, 0}, std::move(init));
  tree_.inodes.Forget(inode->id(), 2);
  Require(tree_.inodes.Find(inode->id()) == inode && tree_.inodes.NamesTold(inode->id()).empty());
  tree_.inodes.Rekey(*inode, ObjectId());  // nor is it known by its object any more
}

void World::FreeNameless(size_t count) {
  for (; count > 0 && !nameless_.empty(); --count) {
    const NodeId node = nameless_.back();
    nameless_.pop_back();
    tree_.inodes.Forget(node, 1);
    Require(!tree_.inodes.Find(node));
  }
}

void World::LookAtAttr(const InodeRef& inode) {
  if (looks_.size() < 8) looks_.push_back({inode, inode->attr_version(), false});
}

void World::StoreAttr(size_t i) {
  AttrLook look = std::move(looks_[i]);
  looks_.erase(looks_.begin() + static_cast<ptrdiff_t>(i));
  Attr attr;
  attr.size = sizes_[look.inode->id()];
  Require(look.inode->StoreAttr(look.version, attr) == !look.changed);
}

void World::ChangeAttr(Inode& inode) {
  ++sizes_[inode.id()];
  for (AttrLook& look : looks_) look.changed |= look.inode.get() == &inode;
  inode.DropAttr();
}

// Until a listing has more that is gone than what is there.
void World::Churn(const InodeRef& dir, size_t times) {
  for (; times > 0; --times) {
    Create(dir, "churn", false);
    Remove(dir, "churn", times % 2 == 0);
  }
}

// Names that are not there, until some are forgotten for want of room, or many are known.
void World::AskManyAbsent(const InodeRef& dir, unsigned from) {
  const unsigned count = room_.many_names ? 400 : 40;
  for (unsigned i = 0; i < count; ++i) Lookup(dir, "none" + std::to_string(from * count + i));
}

// What holds of the table whatever was done.
void World::CheckTable(const InodeRef& dir) {
  InodeTable& inodes = tree_.inodes;
  Require(inodes.All().size() == inodes.size() && inodes.attrs() <= inodes.size());
  Require(!inodes.Find(0) && !inodes.Find(kMaxSlots) && !inodes.Find(kMaxSlots - 1));
  inodes.Forget(kMaxSlots - 1, 1);
  Require(!inodes.FindObject(ObjectId{9, 9, 9}) && inodes.NamesTold(0).empty());
  for (const auto& [parent, name] : inodes.NamesTold(dir->id())) Require(inodes.Find(parent)->is_dir());
  const std::vector<InodeName> names = dir->Names();
  inodes.NameDirectory(*dir, dir, "self");  // that is a lie
  Require(dir->Names().size() == names.size());
  const size_t names_before = tree_.dentries.bytes(), inodes_before = inodes.bytes();
  tree_.dentries.Shrink();
  inodes.Shrink();
  Require(tree_.dentries.bytes() <= names_before && inodes.bytes() <= inodes_before);
}

void World::DoSeldom(const uint8_t* r, const InodeRef& dir, const InodeRef& to, const std::string& name,
                     const std::string& other) {
  switch (r[0] % 16) {
    case 0:
      if (!loads_.empty()) AbandonLoad(r[5] % loads_.size());
      break;
    case 1:
      DoubtIf(*dir, name, r[5] % 2 == 0);
      break;
    case 2:
      NoteUnwatched(dir, name);
      break;
    case 3:
      Link(dir, name, to, other);
      break;
    case 4:
      Split(dir, name, r[5] % 2 == 0);
      break;
    case 5:
      Replace(dir, name);
      break;
    case 6:
    case 7:
      TurnInsideOut(dir, name, r[5] % 2 == 0);
      break;
    case 8:
      MakeNameless(r[5] * 2);
      break;
    case 9:
      FreeNameless(r[5] * 2);
      ForgetUnheld();
      break;
    case 10:
      LookAtAttr(Held(r[5]));
      break;
    case 11:
      if (!looks_.empty()) StoreAttr(r[5] % looks_.size());
      break;
    case 12:
      ChangeAttr(*Held(r[5]));
      break;
    case 13:
      tree_.inodes.EvictAttrs(r[5] % 4);
      break;
    case 14:
      Churn(dir, r[5] % 80);
      break;
    default:
      CheckTable(dir);
  }
}

}  // namespace plyfs
