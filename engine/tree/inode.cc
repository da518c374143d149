#include "engine/tree/inode.h"

#include <algorithm>

#include "engine/format/xattr_names.h"
#include "engine/tree/inode_table.h"

namespace plyfs {

InodeRef::InodeRef(const InodeRef& other) : inode_(other.inode_) {
  if (inode_) inode_->refs_.fetch_add(1, std::memory_order_relaxed);
}

InodeRef::~InodeRef() {
  if (inode_ && inode_->refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) inode_->table().Retire(inode_);
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
    : id_(id), st_ino_(init.st_ino), format_(static_cast<uint8_t>(init.type >> kFormatShift)) {
  upper_known_.store(init.upper.known(), std::memory_order_relaxed);
  TinyLock lock(mu_);
  if (is_dir()) {
    auto* part = new DirPart;
    part->watch.store(table.first_watch_word(), std::memory_order_relaxed);
    part->lowers = std::move(init.lowers);
    rare_ = part;
  }
  layer_ = init.lower.layer;
  if (!init.lower.path.is_root()) path_at_ = kPathIsName;
  name_ = std::move(init.lower.path);
  SetObject(init.upper.known() ? init.upper : init.lower.object);
  if (init.upper.known() && init.lower.exists()) MakeBelow().copied = init.lower.object;
  if (init.data.exists()) MakeOdd().data = std::move(init.data);
}

Inode::~Inode() {
  Rare* rare;  // after the lock: a keeper closes what it holds
  {
    TinyLock lock(mu_);
    FreeAttr();
    rare = rare_;
  }
  if (is_dir()) {
    delete static_cast<DirPart*>(rare);
  } else {
    delete rare;
  }
}

InodeTable& Inode::table() const {
  return InodeTable::TableOf(*this);
}

Inode::Rare& Inode::MakeRare() {
  if (!rare_) rare_ = new Rare;
  return *rare_;
}

Inode::Below& Inode::MakeBelow() {
  Rare& rare = MakeRare();
  if (!rare.below) rare.below = std::make_unique<Below>();
  return *rare.below;
}

Inode::Odd& Inode::MakeOdd() {
  Below& below = MakeBelow();
  if (!below.odd) below.odd = std::make_unique<Odd>();
  return *below.odd;
}

void Inode::Tidy() {
  if (!rare_) return;
  if (Below* below = rare_->below.get()) {
    if (below->odd && below->odd->nothing()) below->odd.reset();
    if (below->nothing()) rare_->below.reset();
  }
  if (is_dir() || !rare_->nothing()) return;
  delete rare_;
  rare_ = nullptr;
}

ObjectId Inode::Object() const {
  switch (object_at_) {
    case kObjectHere:
      return {dev_, ino_, birth_};
    case kObjectBelow:
      return odd()->object;
    default:
      return ObjectId();
  }
}

void Inode::SetObject(const ObjectId& object) {
  const bool here = ObjectId{dev_, ino_, birth_} == object;
  if (object_at_ == kObjectBelow) odd()->object = ObjectId();
  if (!object.known()) {
    object_at_ = kObjectNowhere;
  } else if (here) {
    object_at_ = kObjectHere;  // nothing is written that others may read under a shard's lock
  } else if (known_by_ == KnownBy::kNothing) {
    dev_ = static_cast<uint32_t>(object.dev);
    ino_ = object.ino;
    birth_ = object.birth;
    object_at_ = kObjectHere;
  } else {
    MakeOdd().object = object;
    object_at_ = kObjectBelow;
  }
}

const LowerPath& Inode::Path() const {
  static const LowerPath root;
  if (path_at_ == kPathNowhere) return root;
  return path_at_ == kPathIsName ? name_ : below()->path;
}

ObjectId Inode::upper() const {
  TinyLock lock(mu_);
  return is_upper() ? Object() : ObjectId();
}

LowerAnchor Inode::lower() const {
  TinyLock lock(mu_);
  if (!is_upper()) return LowerAnchor{layer_, Path(), Object()};
  return LowerAnchor{layer_, Path(), below() ? below()->copied : ObjectId()};
}

LowerAnchor Inode::data() const {
  TinyLock lock(mu_);
  return odd() ? odd()->data : LowerAnchor();
}

ObjectId Inode::Identity() const {
  switch (known_by_) {
    case KnownBy::kObject:
      return {dev_, ino_, birth_};
    case KnownBy::kPlace:
      return {dev_ | kNoDevice, ino_, birth_ ^ salt_};
    case KnownBy::kNothing:
      break;
  }
  return ObjectId();
}

void Inode::BecomeKnownAs(const ObjectId& identity) {
  if (!identity.known()) {
    known_by_ = KnownBy::kNothing;
    return;
  }
  const bool by_place = (identity.dev & kNoDevice) != 0;
  const auto dev = static_cast<uint32_t>(identity.dev);
  const bool same = dev == dev_ && identity.ino == ino_;
  if (object_at_ == kObjectHere && !(same && (by_place || identity.birth == birth_))) {
    MakeOdd().object = Object();
    object_at_ = kObjectBelow;
  }
  if (object_at_ != kObjectHere) {
    dev_ = dev;
    ino_ = identity.ino;
    birth_ = identity.birth;
  }
  salt_ = identity.birth ^ birth_;
  known_by_ = by_place ? KnownBy::kPlace : KnownBy::kObject;
}

bool Inode::TakeIdentity(const ObjectId& object) {
  TinyLock lock(mu_);
  if (known_by_ != KnownBy::kNothing) return false;
  BecomeKnownAs(object);
  return true;
}

void Inode::MarkUpper(const ObjectId& upper) {
  LowerAnchor data;  // dropped after the lock
  TinyLock lock(mu_);
  // Before the state: who sees upper must not be led to a lower file's data any more.
  if (odd()) std::swap(data, odd()->data);
  if (layer_ != kUpper && !is_upper()) MakeBelow().copied = Object();
  SetObject(upper);
  Tidy();
  upper_known_.store(true, std::memory_order_release);
}

std::optional<Attr> Inode::CachedAttr() const {
  TinyLock lock(mu_);
  if (!attr_) return std::nullopt;
  attr_used_ = true;
  Attr attr = *attr_;
  attr.ino = st_ino();  // it may have another one since
  return attr;
}

bool Inode::StoreAttr(uint64_t version, const Attr& attr) {
  TinyLock lock(mu_);
  if (attr_version_.load(std::memory_order_relaxed) != version) return false;
  attr_used_ = true;
  if (attr_) {
    *attr_ = attr;
  } else {
    attr_ = std::make_unique<Attr>(attr);
    table().CountAttr(1);
  }
  return true;
}

void Inode::FreeAttr() {
  if (attr_) table().CountAttr(-1);
  attr_.reset();
}

void Inode::EvictAttr() {
  TinyLock lock(mu_);
  if (!attr_used_) FreeAttr();
  attr_used_ = false;
}

void Inode::DropAttr() {
  TinyLock lock(mu_);
  attr_version_.fetch_add(1, std::memory_order_release);
  FreeAttr();
  DropExtra();
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
  if (extra() && extra()->xattr_names && HasXattr(*extra()->xattr_names, kXattrCapability)) DropExtra();
}

Inode::Extra* Inode::ExtraOf(uint64_t version) {
  if (attr_version_.load(std::memory_order_relaxed) != version) return nullptr;
  Rare& rare = MakeRare();
  if (!rare.extra) rare.extra = std::make_unique<Extra>();
  return rare.extra.get();
}

void Inode::DropExtra() {
  if (!extra()) return;
  rare_->extra.reset();
  Tidy();
}

std::optional<std::string> Inode::CachedTarget() const {
  TinyLock lock(mu_);
  return extra() ? extra()->target : std::nullopt;
}

void Inode::StoreTarget(uint64_t version, std::string_view target) {
  TinyLock lock(mu_);
  if (Extra* extra = ExtraOf(version)) extra->target = target;
}

std::optional<std::string> Inode::CachedXattrNames() const {
  TinyLock lock(mu_);
  return extra() ? extra()->xattr_names : std::nullopt;
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
T Inode::OfRare(T Rare::* member) const {
  TinyLock lock(mu_);
  return rare_ ? (*rare_).*member : T();
}

std::shared_ptr<const void> Inode::keeper() const {
  TinyLock lock(mu_);
  return odd() ? odd()->keeper : nullptr;
}

void Inode::SetKeeper(std::shared_ptr<const void> keeper) {
  std::shared_ptr<const void> before;  // after the lock: it closes what it holds
  TinyLock lock(mu_);
  before = std::exchange(MakeOdd().keeper, std::move(keeper));
  Tidy();
}

uint64_t Inode::data_stamp() const {
  return OfRare(&Rare::data_stamp);
}

void Inode::SetDataStamp(uint64_t stamp) {
  TinyLock lock(mu_);
  if (!rare_ && stamp == 0) return;
  MakeRare().data_stamp = stamp;
  Tidy();
}

uint32_t Inode::opens() const {
  return OfRare(&Rare::opens);
}

uint32_t Inode::writers() const {
  return OfRare(&Rare::writers);
}

void Inode::Count(int opens, int writers) {
  TinyLock lock(mu_);
  Rare& rare = MakeRare();
  rare.writers += static_cast<uint32_t>(writers);
  rare.opens += static_cast<uint32_t>(opens);
  Tidy();
}

void Inode::NoteCapabilityRemoved(int32_t thread) {
  TinyLock lock(mu_);
  MakeOdd().capability_removed_by = thread;
}

int32_t Inode::TakeCapabilityRemoved() {
  TinyLock lock(mu_);
  const int32_t thread = odd() ? std::exchange(odd()->capability_removed_by, kNobody) : kNobody;
  Tidy();
  return thread;
}

}  // namespace plyfs
