#include "engine/tree/inode.h"

#include <algorithm>

#include "engine/format/xattr_names.h"
#include "engine/tree/inode_table.h"

namespace plyfs {

InodeRef::InodeRef(const InodeRef& other) : inode_(other.inode_) {
  if (inode_) inode_->refs_.fetch_add(1, std::memory_order_relaxed);
}

InodeRef::~InodeRef() {
  if (inode_ && inode_->refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) inode_->table_.Retire(inode_);
}

const LowerPath& DirLowers::path(size_t i) const {
  size_t run = runs.size() - 1;
  while (runs[run].first > i) --run;
  return runs[run].path;
}

bool SameLowers(const DirLowers& a, const DirLowers& b) {
  if (a.layers != b.layers || a.runs.size() != b.runs.size() || !(a.top == b.top)) return false;
  for (size_t i = 0; i < a.runs.size(); ++i) {
    if (a.runs[i].first != b.runs[i].first || !(a.runs[i].path == b.runs[i].path)) return false;
  }
  return true;
}

Inode::Inode(InodeTable& table, NodeId id, InodeInit init)
    : table_(table),
      id_(id),
      st_ino_(init.st_ino),
      watch_(table.first_watch_word()),
      type_(static_cast<uint16_t>(init.type)) {
  upper_known_.store(init.upper.known(), std::memory_order_relaxed);
  TinyLock lock(mu_);
  layer_ = init.lower.layer;
  path_ = std::move(init.lower.path);
  object_ = init.upper.known() ? init.upper : init.lower.object;
  if (init.upper.known() && init.lower.exists()) MakeBelow().copied = init.lower.object;
  if (init.data.exists()) MakeBelow().data = std::move(init.data);
  if (type_ == S_IFDIR) {
    dir_ = std::make_unique<DirPart>();
    dir_->lowers = std::move(init.lowers);
  }
}

Inode::~Inode() {
  TinyLock lock(mu_);
  FreeAttr();
}

Inode::Below& Inode::MakeBelow() {
  if (!below_) below_ = std::make_unique<Below>();
  return *below_;
}

ObjectId Inode::upper() const {
  TinyLock lock(mu_);
  return is_upper() ? object_ : ObjectId();
}

LowerAnchor Inode::lower() const {
  TinyLock lock(mu_);
  if (!is_upper()) return LowerAnchor{layer_, path_, object_};
  return LowerAnchor{layer_, path_, below_ ? below_->copied : ObjectId()};
}

LowerAnchor Inode::data() const {
  TinyLock lock(mu_);
  return below_ ? below_->data : LowerAnchor();
}

ObjectId Inode::Identity() const {
  TinyLock lock(mu_);
  return identity_;
}

void Inode::SetIdentity(const ObjectId& object) {
  TinyLock lock(mu_);
  identity_ = object;
}

bool Inode::TakeIdentity(const ObjectId& object) {
  TinyLock lock(mu_);
  if (identity_.known()) return false;
  identity_ = object;
  return true;
}

void Inode::MarkUpper(const ObjectId& upper) {
  LowerAnchor data;  // dropped after the lock
  TinyLock lock(mu_);
  // Before the state: who sees upper must not be led to a lower file's data any more.
  if (below_) std::swap(data, below_->data);
  if (layer_ != kUpper && !is_upper()) MakeBelow().copied = object_;
  object_ = upper;
  upper_known_.store(true, std::memory_order_release);
}

std::optional<InodeName> Inode::AnyName() const {
  TinyLock lock(mu_);
  if (links_.empty()) return std::nullopt;
  return NameOf(links_.front());
}

InodeRef Inode::Parent() const {
  TinyLock lock(mu_);
  return links_.empty() ? InodeRef() : links_.front().parent;
}

std::vector<InodeName> Inode::Names() const {
  std::vector<InodeName> names;
  TinyLock lock(mu_);
  names.reserve(links_.size());
  for (const Link& link : links_) names.push_back(NameOf(link));
  return names;
}

bool Inode::HasName(const Inode& parent, std::string_view name) const {
  TinyLock lock(mu_);
  return std::any_of(links_.begin(), links_.end(), [&](const Link& link) { return link.Is(parent, name); });
}

LowerPath Inode::SpellingOf(const Inode& parent, std::string_view name) const {
  TinyLock lock(mu_);
  for (const Link& link : links_) {
    if (link.Is(parent, name)) return link.name;
  }
  return LowerPath();
}

size_t Inode::name_count() const {
  TinyLock lock(mu_);
  return links_.size();
}

Inode::Link Inode::LinkOf(InodeRef parent, std::string_view name) const {
  return Link{std::move(parent), path_.last() == name ? path_ : LowerPath().Child(name)};
}

void Inode::AddName(InodeRef parent, std::string_view name) {
  TinyLock lock(mu_);
  MarkLinked();
  for (const Link& link : links_) {
    if (link.Is(*parent, name)) return;
  }
  links_.insert(links_.begin(), LinkOf(std::move(parent), name));
}

Inode::Link Inode::TakeLink(const Inode& parent, std::string_view name) {
  Link taken;
  auto it =
      std::find_if(links_.begin(), links_.end(), [&](const Link& link) { return link.Is(parent, name); });
  if (it != links_.end()) {
    taken = std::move(*it);
    links_.erase(it);
  }
  return taken;
}

size_t Inode::RemoveName(const Inode& parent, std::string_view name) {
  // Dropping the reference to the parent may free it, and must not happen under the lock.
  Link removed;
  TinyLock lock(mu_);
  removed = TakeLink(parent, name);
  return links_.size();
}

bool Inode::LoseName(const Inode& parent, std::string_view name) {
  Link removed;
  TinyLock lock(mu_);
  removed = TakeLink(parent, name);
  if (!links_.empty()) return false;
  MarkUnlinked();
  return true;
}

std::vector<InodeName> Inode::SetOnlyName(InodeRef parent, std::string_view name) {
  std::vector<InodeName> before;
  TinyLock lock(mu_);
  MarkLinked();
  for (const Link& link : links_) before.push_back(NameOf(link));
  links_.clear();
  links_.push_back(LinkOf(std::move(parent), name));
  return before;
}

std::optional<InodeName> Inode::TakeOnlyName() {
  std::optional<InodeName> taken;
  TinyLock lock(mu_);
  if (!links_.empty()) taken = NameOf(links_.front());
  links_.clear();
  return taken;
}

std::optional<Attr> Inode::CachedAttr() const {
  TinyLock lock(mu_);
  if (!attr_) return std::nullopt;
  attr_used_ = true;
  return *attr_;
}

bool Inode::StoreAttr(uint64_t version, const Attr& attr) {
  TinyLock lock(mu_);
  if (attr_version_.load(std::memory_order_relaxed) != version) return false;
  attr_used_ = true;
  if (attr_) {
    *attr_ = attr;
  } else {
    attr_ = std::make_unique<Attr>(attr);
    table_.CountAttr(1);
  }
  return true;
}

void Inode::FreeAttr() {
  if (attr_) table_.CountAttr(-1);
  attr_.reset();
}

void Inode::EvictAttr() {
  TinyLock lock(mu_);
  if (!std::exchange(attr_used_, false)) FreeAttr();
}

void Inode::DropAttr() {
  TinyLock lock(mu_);
  attr_version_.fetch_add(1, std::memory_order_release);
  FreeAttr();
  extra_.reset();
  lacks_capability_ = false;
}

namespace {

bool HasXattr(const std::string& names, std::string_view name) {
  for (size_t at = 0; at < names.size();) {
    std::string_view here(names.c_str() + at);
    if (here == name) return true;
    at += here.size() + 1;
  }
  return false;
}

}  // namespace

void Inode::DropAttrOfWritten() {
  TinyLock lock(mu_);
  attr_version_.fetch_add(1, std::memory_order_release);
  FreeAttr();
  if (extra_ && extra_->xattr_names && HasXattr(*extra_->xattr_names, kXattrCapability)) extra_.reset();
}

Inode::Extra* Inode::ExtraOf(uint64_t version) {
  if (attr_version_.load(std::memory_order_relaxed) != version) return nullptr;
  if (!extra_) extra_ = std::make_unique<Extra>();
  return extra_.get();
}

std::optional<std::string> Inode::CachedTarget() const {
  TinyLock lock(mu_);
  return extra_ ? extra_->target : std::nullopt;
}

void Inode::StoreTarget(uint64_t version, std::string_view target) {
  TinyLock lock(mu_);
  if (Extra* extra = ExtraOf(version)) extra->target = target;
}

std::optional<std::string> Inode::CachedXattrNames() const {
  TinyLock lock(mu_);
  return extra_ ? extra_->xattr_names : std::nullopt;
}

void Inode::StoreXattrNames(uint64_t version, std::string_view names) {
  TinyLock lock(mu_);
  if (Extra* extra = ExtraOf(version)) extra->xattr_names = names;
}

bool Inode::LacksCapability() const {
  TinyLock lock(mu_);
  return lacks_capability_;
}

void Inode::StoreLacksCapability(uint64_t version) {
  TinyLock lock(mu_);
  if (attr_version_.load(std::memory_order_relaxed) == version) lacks_capability_ = true;
}

template <typename T>
T Inode::OfUsed(T Used::* member) const {
  TinyLock lock(mu_);
  return used_ ? (*used_).*member : T();
}

template <typename Change>
auto Inode::ChangeUsed(Change change) {
  std::unique_ptr<Used> gone;  // after the lock: a keeper closes what it holds
  TinyLock lock(mu_);
  if (!used_) used_ = std::make_unique<Used>();
  auto before = change(*used_);
  if (used_->nothing()) gone = std::move(used_);
  return before;
}

std::shared_ptr<const void> Inode::keeper() const {
  return OfUsed(&Used::keeper);
}

void Inode::SetKeeper(std::shared_ptr<const void> keeper) {
  (void)ChangeUsed([&](Used& used) { return std::exchange(used.keeper, std::move(keeper)); });
}

uint64_t Inode::data_stamp() const {
  return OfUsed(&Used::data_stamp);
}

void Inode::SetDataStamp(uint64_t stamp) {
  (void)ChangeUsed([&](Used& used) { return std::exchange(used.data_stamp, stamp); });
}

uint32_t Inode::opens() const {
  return OfUsed(&Used::opens);
}

uint32_t Inode::writers() const {
  return OfUsed(&Used::writers);
}

void Inode::Count(int opens, int writers) {
  (void)ChangeUsed([&](Used& used) {
    used.writers += static_cast<uint32_t>(writers);
    return used.opens += static_cast<uint32_t>(opens);
  });
}

void Inode::NoteCapabilityRemoved(int32_t thread) {
  (void)ChangeUsed([&](Used& used) { return std::exchange(used.capability_removed_by, thread); });
}

int32_t Inode::TakeCapabilityRemoved() {
  return ChangeUsed([](Used& used) { return std::exchange(used.capability_removed_by, 0); });
}

void Inode::NoteChangedByHand(uint32_t now_s) {
  TinyLock lock(mu_);
  dir_->changed_by_hand_s = now_s;
}

uint32_t Inode::changed_by_hand_s() const {
  TinyLock lock(mu_);
  return dir_->changed_by_hand_s;
}

DirLowers Inode::lowers() const {
  TinyLock lock(mu_);
  return dir_->lowers;
}

bool Inode::merged() const {
  TinyLock lock(mu_);
  return !dir_->lowers.empty();
}

LayerSetRef Inode::filled() const {
  TinyLock lock(mu_);
  return dir_->filled;
}

void Inode::SetFilled(LayerSetRef layers) {
  TinyLock lock(mu_);
  std::swap(dir_->filled, layers);
}

void Inode::SetLowers(DirLowers lowers) {
  LayerSetRef filled;
  {
    TinyLock lock(mu_);
    std::swap(dir_->lowers, lowers);
    std::swap(dir_->filled, filled);
  }
  ResetWatch();
}

Inode::SeenCopies Inode::seen_copies() const {
  TinyLock lock(mu_);
  return dir_->seen;
}

void Inode::SetSeenCopies(const SeenCopies& seen) {
  TinyLock lock(mu_);
  dir_->seen = seen;
}

void Inode::ResetWatch() {
  uint32_t first = table_.first_watch_word();
  uint32_t word = watch_.load(std::memory_order_relaxed);
  while (!watch_.compare_exchange_weak(word, ((word | 3) + 1) | first, std::memory_order_acq_rel)) {
  }
}

Inode::Watching Inode::NamesWatching() const {
  return WatchingOfNames(/*stores=*/false);
}

Inode::Watching Inode::WatchingOfNames(bool stores) const {
  Watching sum;
  TinyLock lock(mu_);
  for (const Link& link : links_) {
    uint32_t word = link.parent->watch_word();
    sum.all = sum.all && (stores ? WatchOf(word) == Watch::kWatched : Tells(word));
    sum.digest = sum.digest * 0x9e3779b97f4a7c15u + (link.parent->id_ ^ (uint64_t{word} << 32));
  }
  return sum;
}

Inode::Watching Inode::AttrWatching() const {
  Watching sum = WatchingOfNames(/*stores=*/is_regular());
  if (!is_dir()) return sum;
  uint32_t word = watch_word();
  return Watching{sum.all && Tells(word), sum.digest * 31 + word};
}

std::shared_ptr<MergedDir> Inode::listing() const {
  TinyLock lock(mu_);
  return dir_->listing;
}

bool Inode::PublishListing(std::shared_ptr<MergedDir> made, uint64_t version) {
  TinyLock lock(mu_);
  if (dir_->version != version) return false;
  if (dir_->listing) dir_->next_cookie = std::max(dir_->next_cookie, dir_->listing->next_cookie());
  dir_->listing = std::move(made);
  return true;
}

uint64_t Inode::listing_version() const {
  TinyLock lock(mu_);
  return dir_->version;
}

void Inode::DropListing() {
  std::shared_ptr<MergedDir> dropped;
  TinyLock lock(mu_);
  ++dir_->version;
  if (dir_->listing) dir_->next_cookie = std::max(dir_->next_cookie, dir_->listing->next_cookie());
  dropped = std::move(dir_->listing);
  dir_->listing = nullptr;
}

namespace {

// Where so few layers hold the directory, asking is cheap for ever.
constexpr size_t kFewLayers = 3;
constexpr unsigned kPriceStep = 2;
constexpr unsigned kHighestShift = 32;

}  // namespace

void Inode::PayRent(uint64_t layers_asked) {
  TinyLock lock(mu_);
  dir_->rent += layers_asked;
}

bool Inode::RentIsDue(bool whatever_it_costs, uint64_t* price) {
  TinyLock lock(mu_);
  if (dir_->listing) return false;
  *price = std::max<uint64_t>(1, dir_->lowers.size() * kPriceOfReading) << dir_->price_shift;
  if (whatever_it_costs && dir_->price_shift == 0) return true;
  if (!whatever_it_costs && dir_->lowers.size() <= kFewLayers) return false;
  if (dir_->rent < *price) return false;
  dir_->rent = 0;
  return true;
}

bool Inode::AskedLittle() const {
  TinyLock lock(mu_);
  return !dir_->listing && dir_->price_shift == 0 && dir_->lowers.size() > kFewLayers &&
         dir_->rent < dir_->lowers.size() * kPriceOfReading;
}

void Inode::RaisePrice() {
  TinyLock lock(mu_);
  dir_->price_shift = std::min(dir_->price_shift + kPriceStep, kHighestShift);
}

Cookie Inode::next_cookie() const {
  TinyLock lock(mu_);
  return dir_->listing ? std::max(dir_->next_cookie, dir_->listing->next_cookie()) : dir_->next_cookie;
}

}  // namespace plyfs
