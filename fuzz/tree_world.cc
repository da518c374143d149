#include "fuzz/tree_world.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>

#include "fuzz/input.h"

namespace plyfs {

using fuzz::Require;
using State = DentryCache::State;

World::World(Room room) : room_(room), tree_(room.many_names ? kManyNames : kAbsentNames) {
  tree_.listings.SetLimit(Memory());
  tree_.inodes.AssumeWatched();
  tree_.dentries.SetEvictionSink([this](NodeId parent, std::string_view name) {
    // What was known of a directory that is known by another node by now may be old.
    const uint64_t object = objects_.at(parent);
    Require(latest_[object] != parent || !truth_[object].contains(std::string(name)));
  });
  InodeInit init;
  init.type = S_IFDIR;
  root_ = tree_.inodes.Insert(std::move(init));
  tree_.inodes.AddLookup(*root_);
  objects_[root_->id()] = kRootObject;
  latest_[kRootObject] = root_->id();
  held_[root_->id()] = 1;
}

InodeRef World::HeldDir(uint8_t which) {
  std::vector<InodeRef> dirs;
  for (const auto& [node, count] : held_) {
    InodeRef inode = tree_.inodes.Find(node);
    Require(inode && inode->lookups() == count);
    if (inode->is_dir() && !inode->unlinked()) dirs.push_back(inode);
  }
  return dirs[which % dirs.size()];
}

InodeRef World::Held(uint8_t which) {
  return tree_.inodes.Find(std::next(held_.begin(), static_cast<ptrdiff_t>(which % held_.size()))->first);
}

size_t World::CountNames(uint64_t object) const {
  size_t count = 0;
  for (const auto& [dir, names] : truth_) {
    count += static_cast<size_t>(std::count_if(
        names.begin(), names.end(), [&](const auto& entry) { return entry.second.object == object; }));
  }
  return count;
}

bool World::IsBeneath(uint64_t object, uint64_t above) const {
  if (object == above) return true;
  auto names = truth_.find(above);
  if (names == truth_.end()) return false;
  return std::any_of(names->second.begin(), names->second.end(), [&](const auto& entry) {
    return entry.second.dir && IsBeneath(object, entry.second.object);
  });
}

// As Admit of engine/ops/resolve.cc.
InodeRef World::Admit(const InodeRef& dir, const std::string& name, const Thing& thing) {
  InodeInit init;
  init.type = thing.dir ? S_IFDIR : S_IFREG;
  init.st_ino = thing.object;
  InodeRef inode = tree_.inodes.Intern(ObjectId{1, thing.object, 0}, std::move(init));
  auto [it, fresh] = objects_.emplace(inode->id(), thing.object);
  Require(it->second == thing.object);
  latest_[thing.object] = inode->id();
  if (!thing.dir) {
    inode->AddName(dir, name);
    return inode;
  }
  std::optional<InodeName> before = inode->AnyName();
  const bool here = !before || (before->parent == dir && before->name == name);
  Require(here || moved_.contains(thing.object));
  tree_.inodes.NameDirectory(*inode, dir, name);
  return inode;
}

InodeRef World::FinishLoad(size_t i) {
  Load load = std::move(loads_[i]);
  loads_.erase(loads_.begin() + static_cast<ptrdiff_t>(i));
  InodeRef inode;
  if (load.answer) inode = Admit(load.dir, load.name, *load.answer);
  const Name name = Name::Trusted(load.name);
  const bool kept = tree_.dentries.Finish(load.ticket, name,
                                          {inode ? State::kPresent : State::kAbsent, inode ? inode->id() : 0},
                                          inode ? inode->SpellingOf(*load.dir, load.name) : LowerPath());
  Require(kept == !load.doubted);
  if (kept || !inode) return inode;
  if (tree_.dentries.Find(load.dir->id(), name).node != inode->id()) inode->RemoveName(*load.dir, load.name);
  return inode;
}

// Who comes second waits.
std::vector<InodeRef> World::FinishLoadOf(const Inode& dir, const std::string& name) {
  std::vector<InodeRef> found;
  for (size_t i = loads_.size(); i-- > 0;) {
    if (loads_[i].dir.get() == &dir && loads_[i].name == name) found.push_back(FinishLoad(i));
  }
  return found;
}

void World::NoteChange(const Inode& dir) {
  for (Reading& reading : readings_) reading.changed |= reading.dir.get() == &dir;
}

InodeRef World::Resolve(const InodeRef& dir, const std::string& name) {
  for (;;) {
    BeginLoad(dir, name);
    const std::vector<InodeRef> loaded = FinishLoadOf(*dir, name);
    const DentryCache::Found found = tree_.dentries.Find(dir->id(), Name::Trusted(name));
    if (found.state == State::kAbsent) return InodeRef();
    if (found.state != State::kPresent) continue;  // doubted while it was loaded
    InodeRef inode = tree_.inodes.Find(found.node);
    Require(inode && inode->HasName(*dir, name));
    return inode;
  }
}

void World::BeginLoad(const InodeRef& dir, const std::string& name) {
  Load load{dir, name, {}, Truth(*dir, name), false};
  const DentryCache::Found found = tree_.dentries.FindOrBegin(dir->id(), Name::Trusted(name), &load.ticket);
  if (found.state == State::kUnknown) loads_.push_back(std::move(load));
}

void World::Lookup(const InodeRef& dir, const std::string& name) {
  InodeRef inode = Resolve(dir, name);
  const std::optional<Thing> truth = Truth(*dir, name);
  Require(bool(inode) == truth.has_value());
  if (!inode) return;
  Require(ObjectOf(*inode) == truth->object);
  tree_.inodes.AddLookup(*inode);
  ++held_[inode->id()];
}

void World::Create(const InodeRef& dir, const std::string& name, bool is_dir) {
  if (Resolve(dir, name)) return;
  const Thing thing{next_object_++, is_dir};
  TruthOf(*dir)[name] = thing;
  NoteChange(*dir);
  InodeRef inode = Admit(dir, name, thing);
  dir->ChangeListing(
      [&](MergedDir& listing) { listing.Insert(name, is_dir ? DT_DIR : DT_REG, thing.object); });
  tree_.dentries.SetPresent(dir->id(), Name::Trusted(name), inode->id());
}

// As LoseName of engine/ops/remove.cc.
void World::Lose(const InodeRef& dir, const std::string& name, const InodeRef& inode) {
  if (!inode->LoseName(*dir, name) || !inode->is_dir()) return;
  inode->DropListing();
  tree_.listings.Drop(*inode);
  tree_.inodes.Disown(*inode);
}

void World::Remove(const InodeRef& dir, const std::string& name, bool cheap) {
  InodeRef inode = Resolve(dir, name);
  if (!inode || (inode->is_dir() && !TruthOf(*inode).empty())) return;
  if (inode->is_dir()) NoteChange(*inode);
  TruthOf(*dir).erase(name);
  NoteChange(*dir);
  dir->ChangeListing([&](MergedDir& listing) { listing.Remove(name); });
  if (cheap) {
    tree_.dentries.Erase(dir->id(), Name::Trusted(name));
    Require(tree_.dentries.Find(dir->id(), Name::Trusted(name)).node == 0);
  } else {
    tree_.dentries.SetAbsent(dir->id(), Name::Trusted(name));
  }
  Lose(dir, name, inode);
}

void World::Rename(const InodeRef& dir, const std::string& name, const InodeRef& to,
                   const std::string& to_name) {
  InodeRef inode = Resolve(dir, name), target = Resolve(to, to_name);
  if (!inode || inode == target) return;
  if (target && (target->is_dir() != inode->is_dir() || (target->is_dir() && !TruthOf(*target).empty())))
    return;
  if (inode->is_dir() && IsBeneath(ObjectOf(*to), ObjectOf(*inode))) return;
  const Thing thing = *Truth(*dir, name);
  TruthOf(*dir).erase(name);
  TruthOf(*to)[to_name] = thing;
  for (const InodeRef& changed : {dir, to, target}) {
    if (changed) NoteChange(*changed);
  }
  to->ChangeListing([&](MergedDir& l) { l.Insert(to_name, thing.dir ? DT_DIR : DT_REG, thing.object); });
  if (thing.dir) {
    tree_.inodes.NameDirectory(*inode, to, to_name);
  } else {
    inode->AddName(to, to_name);
    inode->RemoveName(*dir, name);
  }
  tree_.dentries.SetPresent(to->id(), Name::Trusted(to_name), inode->id(), inode->SpellingOf(*to, to_name));
  if (target) Lose(to, to_name, target);
  dir->ChangeListing([&](MergedDir& l) { l.Remove(name); });
  tree_.dentries.SetAbsent(dir->id(), Name::Trusted(name));
}

// Somebody puts a file there, or takes one away, and it is told of.
void World::ByHand(const InodeRef& dir, const std::string& name) {
  const std::optional<Thing> there = Truth(*dir, name);
  if (there && there->dir) return;
  if (there) {
    TruthOf(*dir).erase(name);
  } else {
    TruthOf(*dir)[name] = Thing{next_object_++, false};
  }
  TellByHand(dir, name);
}

void World::Forget(uint8_t which, bool all, bool too_much) {
  auto it = std::next(held_.begin(), static_cast<ptrdiff_t>(which % held_.size()));
  if (it->first == root_->id()) return;
  const uint64_t count = all ? it->second : 1;
  tree_.inodes.Forget(it->first, all && too_much ? count + 3 : count);
  if ((it->second -= count) == 0) held_.erase(it);
}

// Some names come from the lowers' index and some over it, as its own or instead of a lower's.
void World::FinishReading(size_t i) {
  Reading reading = std::move(readings_[i]);
  readings_.erase(readings_.begin() + static_cast<ptrdiff_t>(i));
  if (reading.dir->unlinked()) return;
  LowerIndexBuilder builder;
  const bool has_lower = ObjectOf(*reading.dir) % 5 != 0;
  builder.Add(0, "hidden", DT_REG, 7);
  for (const auto& [name, thing] : reading.names) {
    if (has_lower && thing.object % 3 != 0) builder.Add(0, name, thing.dir ? DT_DIR : DT_REG, thing.object);
  }
  auto made = std::make_shared<MergedDir>(has_lower ? builder.Build(tree_.layer_sets) : nullptr,
                                          std::max<Cookie>(reading.dir->next_cookie(), 2));
  made->Remove("hidden");
  for (const auto& [name, thing] : reading.names) {
    if (!has_lower || thing.object % 3 != 1) made->Insert(name, thing.dir ? DT_DIR : DT_REG, thing.object);
  }
  const bool published = reading.dir->PublishListing(made, reading.version);
  Require(!published || !reading.changed);  // refused also where an earlier one was evicted meanwhile
  if (!published) return;
  tree_.listings.Charge(reading.dir, made->bytes());
  Require(tree_.listings.bytes() <= Memory());
}

void World::OpenView(const InodeRef& dir) {
  std::shared_ptr<MergedDir> listing = dir->listing();
  if (!listing || views_.size() > 8) return;
  dir->NoteListingUse();
  View view{listing, listing->PinView(), 0, {}};
  for (const auto& [name, thing] : TruthOf(*dir)) view.left.insert(name);
  Require(listing->count() == view.left.size());
  views_.push_back(std::move(view));
}

// What was there when it was opened, each once, in the order of cookies (D4, D6).
void World::ReadView(size_t i, size_t limit) {
  View& view = views_[i];
  const auto rows = view.listing->Read(view.sequence, view.after, limit);
  for (const MergedDir::Row& row : rows) {
    Require(row.cookie > view.after && view.left.erase(row.name) == 1);
    view.after = row.cookie;
  }
  if (rows.size() == limit) return;
  Require(view.left.empty());
  view.listing->UnpinView(view.sequence);
  views_.erase(views_.begin() + static_cast<ptrdiff_t>(i));
}

// What is remembered is true.
void World::Check(const Inode& dir, const std::string& name) {
  const std::optional<Thing> truth = Truth(dir, name);
  const DentryCache::Found found = tree_.dentries.Find(dir.id(), Name::Trusted(name));
  if (found.state == State::kAbsent) Require(!truth);
  if (found.state == State::kPresent) Require(truth && objects_.at(found.node) == truth->object);
  if (std::optional<Attr> attr = dir.CachedAttr()) Require(attr->size == sizes_[dir.id()]);
  std::shared_ptr<MergedDir> listing = dir.listing();
  if (!listing) return;
  Require(listing->Find(Name::Trusted(name)).anyone() == truth.has_value());
  CheckListing(dir);
}

void World::CheckListing(const Inode& dir) {
  std::shared_ptr<MergedDir> listing = dir.listing();
  Names seen;
  const uint64_t view = listing->PinView();
  for (const MergedDir::Row& row : listing->Read(view, 0, 1000)) {
    Require(seen.emplace(row.name, Thing{row.ino, row.type == DT_DIR}).second);
    const auto [first, fresh] = cookies_.emplace(std::pair(dir.id(), row.cookie), row.name);
    Require(first->second == row.name);
  }
  listing->UnpinView(view);
  Require(seen == truth_[objects_.at(dir.id())]);
}

void World::DoOften(const uint8_t* r, const InodeRef& dir, const InodeRef& to, const std::string& name,
                    const std::string& other) {
  switch (r[0] % 16) {
    case 0:
      Lookup(dir, name);
      break;
    case 1:
      BeginLoad(dir, name);
      break;
    case 2:
      if (!loads_.empty()) FinishLoad(r[5] % loads_.size());
      break;
    case 3:
      Create(dir, name, r[5] % 2 == 0);
      break;
    case 4:
      Remove(dir, name, r[5] % 2 == 0);
      break;
    case 5:
      Rename(dir, name, to, other);
      break;
    case 6:
      Forget(r[5], r[6] % 2 == 0, r[6] % 4 == 0);
      break;
    case 7:
      if (readings_.size() < 8) readings_.push_back({dir, dir->listing_version(), TruthOf(*dir), false});
      break;
    case 8:
      if (!readings_.empty()) FinishReading(r[5] % readings_.size());
      break;
    case 9:
      OpenView(dir);
      break;
    case 10:
      if (!views_.empty()) ReadView(r[5] % views_.size(), 1 + r[6] % 3);
      break;
    case 11:
      ByHand(dir, name);
      break;
    case 12:
      dir->DropListing();
      NoteChange(*dir);
      break;
    case 13:
      (void)tree_.listings.ReleaseForgotten();
      tree_.inodes.Shrink();
      tree_.dentries.Shrink();
      break;
    case 14:
      AskManyAbsent(dir, r[5]);
      break;
    default:
      for (Load& load : loads_) load.doubted |= load.dir == dir;
      for (const auto& [doubted, reason] :
           tree_.dentries.DoubtAll([&](NodeId parent) { return parent == dir->id(); })) {
        Require(doubted == dir->id());
      }
  }
}

void World::Do(const uint8_t* r) {
  const InodeRef dir = HeldDir(r[1]), to = HeldDir(r[2]);
  const std::string name(1, static_cast<char>('a' + r[3] % 6)), other(1, static_cast<char>('a' + r[4] % 6));
  if (r[0] < 160) {
    DoOften(r, dir, to, name, other);
  } else {
    DoSeldom(r, dir, to, name, other);
  }
  Check(*dir, name);
  Check(*to, other);
}

void World::End(bool unmounts) {
  while (!loads_.empty()) FinishLoad(0);
  while (!readings_.empty()) FinishReading(0);
  while (!views_.empty()) ReadView(0, 1000);
  while (!looks_.empty()) StoreAttr(0);
  if (unmounts) return;
  FreeNameless(nameless_.size());
  while (held_.size() > 1) Forget(static_cast<uint8_t>(held_.begin()->first == root_->id()), true, false);
  (void)tree_.listings.ReleaseForgotten();
  tree_.listings.Drop(*root_);
  Require(room_.many_names || tree_.dentries.size() <= 3 * kAbsentNames);
  Require(tree_.inodes.size() == 1);
  Require(tree_.listings.bytes() == 0);
  (void)tree_.dentries.DoubtAll([](NodeId) { return true; });
  Require(tree_.dentries.size() == 0);
}

}  // namespace plyfs
