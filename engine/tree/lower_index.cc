#include "engine/tree/lower_index.h"

namespace plyfs {
namespace {

// The slot of `name` in a table of `size` slots, or the empty slot where it would go.
template <typename Same>
size_t Probe(const std::vector<uint32_t>& table, uint64_t hash, Same same) {
  size_t mask = table.size() - 1;
  size_t at = (hash ^ (hash >> 32)) & mask;
  while (table[at] != 0 && !same(table[at] - 1)) at = (at + 1) & mask;
  return at;
}

}  // namespace

std::optional<uint32_t> LowerIndex::Find(const Name& wanted) const {
  size_t at = Probe(table_, wanted.hash(), [&](uint32_t i) { return name(i) == wanted.bytes(); });
  if (table_[at] == 0) return std::nullopt;
  return table_[at] - 1;
}

size_t LowerIndex::bytes() const {
  return entries_.capacity() * sizeof(Entry) + names_.capacity() + table_.capacity() * sizeof(uint32_t);
}

LowerIndexBuilder::LowerIndexBuilder() : index_(std::make_unique<LowerIndex>()) {
  index_->table_.resize(16);
}

bool LowerIndexBuilder::Add(LayerId layer, std::string_view name, uint8_t type, uint64_t ino) {
  return Put(layer, name, type, ino);
}

void LowerIndexBuilder::AddWhiteout(LayerId layer, std::string_view name) {
  Put(layer, name, kHidden, 0);
}

bool LowerIndexBuilder::Put(LayerId layer, std::string_view name, uint8_t type, uint64_t ino) {
  uint64_t hash = Name::Trusted(name).hash();
  size_t at = Probe(index_->table_, hash, [&](uint32_t i) { return index_->name(i) == name; });
  if (index_->table_[at] != 0) return false;
  LowerIndex::Entry entry;
  entry.ino = ino;
  entry.name_at = static_cast<uint32_t>(index_->names_.size());
  entry.layer = layer;
  entry.name_size = static_cast<uint8_t>(name.size());
  entry.type = type;
  index_->names_.append(name);
  index_->entries_.push_back(entry);
  index_->table_[at] = static_cast<uint32_t>(index_->entries_.size());
  if (index_->entries_.size() * 4 > index_->table_.size() * 3) Grow();
  return true;
}

void LowerIndexBuilder::Grow() {
  std::vector<uint32_t> bigger(index_->table_.size() * 2);
  for (uint32_t i = 0; i < index_->entries_.size(); ++i) {
    uint64_t hash = Name::Trusted(index_->name(i)).hash();
    bigger[Probe(bigger, hash, [](uint32_t) { return false; })] = i + 1;
  }
  index_->table_ = std::move(bigger);
}

std::shared_ptr<const LowerIndex> LowerIndexBuilder::Build() {
  auto built = std::make_shared<LowerIndex>();
  LowerIndexBuilder clean;
  for (uint32_t i = 0; i < index_->entries_.size(); ++i) {
    const LowerIndex::Entry& e = index_->entries_[i];
    if (e.type != kHidden) clean.Put(e.layer, index_->name(i), e.type, e.ino);
  }
  *built = std::move(*clean.index_);
  built->entries_.shrink_to_fit();
  built->names_.shrink_to_fit();
  return built;
}

}  // namespace plyfs
