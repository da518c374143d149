// The names of an inode, and what watching their directories means for it.
#include <algorithm>

#include "engine/tree/inode.h"

namespace plyfs {

template <typename See>
void Inode::EachLink(See see) const {
  if (!parent_) return;
  see(parent_, name_);
  if (!rare_ || !rare_->links) return;
  for (const Link& link : *rare_->links) see(link.parent, link.name);
}

size_t Inode::LinkCount() const {
  if (!parent_) return 0;
  return 1 + (rare_ && rare_->links ? rare_->links->size() : 0);
}

std::optional<InodeName> Inode::AnyName() const {
  TinyLock lock(mu_);
  if (!parent_) return std::nullopt;
  return InodeName{parent_, std::string(name_.last())};
}

InodeRef Inode::Parent() const {
  TinyLock lock(mu_);
  return parent_;
}

std::vector<InodeName> Inode::Names() const {
  std::vector<InodeName> names;
  TinyLock lock(mu_);
  names.reserve(LinkCount());
  EachLink([&](const InodeRef& parent, const LowerPath& name) {
    names.push_back(InodeName{parent, std::string(name.last())});
  });
  return names;
}

bool Inode::HasName(const Inode& parent, std::string_view name) const {
  TinyLock lock(mu_);
  return Has(parent, name);
}

bool Inode::Has(const Inode& parent, std::string_view name) const {
  return !Spelling(parent, name).is_root();
}

LowerPath Inode::SpellingOf(const Inode& parent, std::string_view name) const {
  TinyLock lock(mu_);
  return Spelling(parent, name);
}

LowerPath Inode::Spelling(const Inode& parent, std::string_view name) const {
  LowerPath spelling;
  EachLink([&](const InodeRef& of, const LowerPath& known) {
    if (of.get() == &parent && known.last() == name) spelling = known;
  });
  return spelling;
}

size_t Inode::name_count() const {
  TinyLock lock(mu_);
  return LinkCount();
}

Inode::Link Inode::LinkOf(InodeRef parent, std::string_view name) const {
  const bool may_join = is_dir() && !dir().lowers.runs.empty();
  const LowerPath& path = may_join ? dir().lowers.runs.front().path : Path();
  return Link{std::move(parent), path.last() == name ? path : LowerPath().Child(name)};
}

void Inode::SetLatestLink(Link link) {
  if (path_at_ == kPathIsName && !name_.IsSameCopy(link.name)) {
    MakeBelow().path = std::move(name_);
    path_at_ = kPathBelow;
  }
  parent_ = std::move(link.parent);
  name_ = std::move(link.name);
}

void Inode::AddName(InodeRef parent, std::string_view name) {
  TinyLock lock(mu_);
  MarkLinked();
  if (Has(*parent, name)) return;
  if (parent_) {
    Rare& rare = MakeRare();
    if (!rare.links) rare.links = std::make_unique<std::vector<Link>>();
    rare.links->insert(rare.links->begin(), Link{parent_, name_});
  }
  SetLatestLink(LinkOf(std::move(parent), name));
}

Inode::Link Inode::TakeLatestLink() {
  Link taken{std::move(parent_), name_};
  if (!rare_ || !rare_->links) {
    if (path_at_ != kPathIsName) name_ = LowerPath();
    return taken;
  }
  std::vector<Link>& others = *rare_->links;
  SetLatestLink(std::move(others.front()));
  others.erase(others.begin());
  if (others.empty()) rare_->links.reset();
  Tidy();
  return taken;
}

Inode::Link Inode::TakeLink(const Inode& parent, std::string_view name) {
  if (parent_.get() == &parent && name_.last() == name) return TakeLatestLink();
  Link taken;
  if (!rare_ || !rare_->links) return taken;
  std::vector<Link>& others = *rare_->links;
  auto it =
      std::find_if(others.begin(), others.end(), [&](const Link& link) { return link.Is(parent, name); });
  if (it == others.end()) return taken;
  taken = std::move(*it);
  others.erase(it);
  if (others.empty()) rare_->links.reset();
  Tidy();
  return taken;
}

size_t Inode::RemoveName(const Inode& parent, std::string_view name) {
  // Dropping the reference to the parent may free it, and must not happen under the lock.
  Link removed;
  TinyLock lock(mu_);
  removed = TakeLink(parent, name);
  return LinkCount();
}

bool Inode::LoseName(const Inode& parent, std::string_view name) {
  Link removed;
  TinyLock lock(mu_);
  removed = TakeLink(parent, name);
  if (parent_) return false;
  MarkUnlinked();
  return true;
}

std::vector<InodeName> Inode::SetOnlyName(InodeRef parent, std::string_view name) {
  std::vector<InodeName> before;
  TinyLock lock(mu_);
  MarkLinked();
  while (parent_) before.push_back(NameOf(TakeLatestLink()));
  SetLatestLink(LinkOf(std::move(parent), name));
  return before;
}

std::optional<InodeName> Inode::TakeOnlyName() {
  std::optional<InodeName> taken;
  TinyLock lock(mu_);
  if (parent_) taken = NameOf(TakeLatestLink());
  return taken;
}

Inode::Watching Inode::NamesWatching() const {
  return WatchingOfNames(/*stores=*/false);
}

Inode::Watching Inode::WatchingOfNames(bool stores) const {
  Watching sum;
  TinyLock lock(mu_);
  EachLink([&](const InodeRef& parent, const LowerPath&) {
    uint32_t word = parent->watch_word();
    sum.all = sum.all && (stores ? WatchOf(word) == Watch::kWatched : Tells(word));
    sum.digest = sum.digest * 0x9e3779b97f4a7c15u + (parent->id_ ^ (uint64_t{word} << 32));
  });
  return sum;
}

Inode::Watching Inode::AttrWatching() const {
  Watching sum = WatchingOfNames(/*stores=*/is_regular());
  if (!is_dir()) return sum;
  uint32_t word = watch_word();
  return Watching{sum.all && Tells(word), sum.digest * 31 + word};
}

}  // namespace plyfs
