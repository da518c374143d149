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
    : table_(table), id_(id), type_(init.type), st_ino_(init.st_ino), watch_(table.first_watch_word()) {
  upper_known_.store(init.upper.known(), std::memory_order_relaxed);
  TinyLock lock(mu_);
  upper_ = init.upper;
  lower_ = std::move(init.lower);
  if (init.data.exists()) data_ = std::make_unique<LowerAnchor>(std::move(init.data));
  if (type_ == S_IFDIR) {
    dir_ = std::make_unique<DirPart>();
    dir_->lowers = std::move(init.lowers);
  }
}

Inode::~Inode() = default;

ObjectId Inode::upper() const {
  TinyLock lock(mu_);
  return upper_;
}

LowerAnchor Inode::lower() const {
  TinyLock lock(mu_);
  return lower_;
}

LowerAnchor Inode::data() const {
  TinyLock lock(mu_);
  return data_ ? *data_ : LowerAnchor();
}

ObjectId Inode::SetIdentity(const ObjectId& object) {
  TinyLock lock(mu_);
  return std::exchange(identity_, object);
}

void Inode::LoseIdentity(const ObjectId& object) {
  TinyLock lock(mu_);
  if (identity_ == object) identity_ = ObjectId();
}

void Inode::MarkUpper(const ObjectId& upper) {
  // Before the state: who sees upper must not be led to a lower file's data any more.
  std::unique_ptr<LowerAnchor> data;
  TinyLock lock(mu_);
  data = std::move(data_);
  upper_ = upper;
  upper_known_.store(true, std::memory_order_release);
}

std::optional<InodeName> Inode::AnyName() const {
  TinyLock lock(mu_);
  if (names_.empty()) return std::nullopt;
  return names_.front();
}

InodeRef Inode::Parent() const {
  TinyLock lock(mu_);
  return names_.empty() ? InodeRef() : names_.front().parent;
}

std::vector<InodeName> Inode::Names() const {
  TinyLock lock(mu_);
  return names_;
}

bool Inode::HasName(const Inode& parent, std::string_view name) const {
  TinyLock lock(mu_);
  return std::any_of(names_.begin(), names_.end(),
                     [&](const InodeName& n) { return n.parent.get() == &parent && n.name == name; });
}

size_t Inode::name_count() const {
  TinyLock lock(mu_);
  return names_.size();
}

void Inode::AddName(InodeRef parent, std::string_view name) {
  TinyLock lock(mu_);
  MarkLinked();
  for (const InodeName& n : names_) {
    if (n.parent == parent && n.name == name) return;
  }
  names_.insert(names_.begin(), InodeName{std::move(parent), std::string(name)});
}

InodeName Inode::TakeName(const Inode& parent, std::string_view name) {
  InodeName taken;
  auto it = std::find_if(names_.begin(), names_.end(),
                         [&](const InodeName& n) { return n.parent.get() == &parent && n.name == name; });
  if (it != names_.end()) {
    taken = std::move(*it);
    names_.erase(it);
  }
  return taken;
}

size_t Inode::RemoveName(const Inode& parent, std::string_view name) {
  // Dropping the reference to the parent may free it, and must not happen under the lock.
  InodeName removed;
  TinyLock lock(mu_);
  removed = TakeName(parent, name);
  return names_.size();
}

bool Inode::LoseName(const Inode& parent, std::string_view name) {
  InodeName removed;
  TinyLock lock(mu_);
  removed = TakeName(parent, name);
  if (!names_.empty()) return false;
  MarkUnlinked();
  return true;
}

std::vector<InodeName> Inode::SetOnlyName(InodeRef parent, std::string_view name) {
  std::vector<InodeName> names;
  names.push_back(InodeName{std::move(parent), std::string(name)});
  TinyLock lock(mu_);
  MarkLinked();
  std::swap(names_, names);
  return names;
}

std::optional<InodeName> Inode::TakeOnlyName() {
  std::vector<InodeName> names;
  TinyLock lock(mu_);
  std::swap(names_, names);
  return names.empty() ? std::nullopt : std::optional<InodeName>(std::move(names.front()));
}

std::optional<Attr> Inode::CachedAttr() const {
  TinyLock lock(mu_);
  if (!attr_) return std::nullopt;
  return *attr_;
}

bool Inode::StoreAttr(uint64_t version, const Attr& attr) {
  TinyLock lock(mu_);
  if (attr_version_.load(std::memory_order_relaxed) != version) return false;
  attr_ = std::make_unique<Attr>(attr);
  return true;
}

void Inode::DropAttr() {
  TinyLock lock(mu_);
  attr_version_.fetch_add(1, std::memory_order_release);
  attr_.reset();
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
  attr_.reset();
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

std::shared_ptr<const void> Inode::keeper() const {
  TinyLock lock(mu_);
  return keeper_;
}

void Inode::SetKeeper(std::shared_ptr<const void> keeper) {
  TinyLock lock(mu_);
  std::swap(keeper_, keeper);
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
  Watching sum;
  TinyLock lock(mu_);
  for (const InodeName& name : names_) {
    uint32_t word = name.parent->watch_word();
    sum.all = sum.all && WatchOf(word) == Watch::kWatched;
    sum.digest = sum.digest * 0x9e3779b97f4a7c15u + (name.parent->id_ ^ (uint64_t{word} << 32));
  }
  return sum;
}

Inode::Watching Inode::AttrWatching() const {
  Watching sum = NamesWatching();
  if (!is_dir()) return sum;
  uint32_t word = watch_word();
  return Watching{sum.all && WatchOf(word) == Watch::kWatched, sum.digest * 31 + word};
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
  *price = ~uint64_t{0} / 16;
  if (whatever_it_costs) return true;
  if (dir_->lowers.size() <= kFewLayers) return false;
  *price = (dir_->lowers.size() * kPriceOfReading) << dir_->price_shift;
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
