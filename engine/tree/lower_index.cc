#include "engine/tree/lower_index.h"

#include <dirent.h>

#include "absl/container/flat_hash_map.h"

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
  // Sets are shared with the inodes they came from and lead to.
  return sizeof *this + entries_.capacity() * sizeof(Entry) + names_.capacity() +
         sets_.capacity() * sizeof(LayerSetRef) + table_.capacity() * sizeof(uint32_t);
}

LowerIndexBuilder::LowerIndexBuilder() : index_(std::make_unique<LowerIndex>()) {
  index_->table_.resize(16);
  links_.emplace_back();  // 0 ends a chain
}

bool LowerIndexBuilder::Add(LayerId layer, std::string_view name, uint8_t type, uint64_t ino, Known known) {
  return Put(layer, name, type, ino, known);
}

void LowerIndexBuilder::AddWhiteout(LayerId layer, std::string_view name) {
  Put(layer, name, kHidden, 0, Known());
}

bool LowerIndexBuilder::Put(LayerId layer, std::string_view name, uint8_t type, uint64_t ino, Known known) {
  uint64_t hash = Name::Trusted(name).hash();
  size_t at = Probe(index_->table_, hash, [&](uint32_t i) { return index_->name(i) == name; });
  if (index_->table_[at] != 0) {
    SeenAgain(index_->table_[at] - 1, layer, type, known);
    return false;
  }
  LowerIndex::Entry entry;
  entry.ino = ino;
  entry.name_at = static_cast<uint32_t>(index_->names_.size());
  entry.layer = layer;
  entry.name_size = static_cast<uint8_t>(name.size());
  entry.type = type;
  entry.plain = known.plain && type == DT_DIR;
  index_->names_.append(name);
  index_->entries_.push_back(entry);
  chains_.emplace_back().top_empty = known.empty;
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

void LowerIndexBuilder::SeenAgain(uint32_t i, LayerId layer, uint8_t type, Known known) {
  if (index_->entries_[i].type != DT_DIR) return;
  Chain& chain = chains_[i];
  if (chain.closed || type != DT_DIR) {
    chain.closed = true;
    return;
  }
  index_->entries_[i].plain &= known.plain;
  auto link = static_cast<uint32_t>(links_.size());
  links_.push_back(Link{layer, 0, known.empty});
  if (chain.first == 0) {
    chain.first = link;
  } else {
    links_[chain.last].next = link;
  }
  chain.last = link;
}

std::vector<LayerId> LowerIndexBuilder::HoldersOf(uint32_t i, bool filled) const {
  std::vector<LayerId> layers;
  const Chain& chain = chains_[i];
  if (!filled || !chain.top_empty) layers.push_back(index_->entries_[i].layer);
  for (uint32_t link = chain.first; link != 0; link = links_[link].next) {
    if (!filled || !links_[link].empty) layers.push_back(links_[link].layer);
  }
  return layers;
}

std::shared_ptr<const LowerIndex> LowerIndexBuilder::Build(LayerSetTable& sets) {
  auto built = std::make_shared<LowerIndex>();
  LowerIndexBuilder clean;
  absl::flat_hash_map<LayerSetRef, uint16_t> known;
  auto number = [&](std::vector<LayerId> layers) -> uint16_t {
    if (known.size() + 1 >= LowerIndex::kUncounted) return LowerIndex::kUncounted;
    auto [it, added] =
        known.try_emplace(sets.Intern(std::move(layers)), static_cast<uint16_t>(known.size() + 1));
    if (added) clean.index_->sets_.push_back(it->first);
    return it->second;
  };
  for (uint32_t i = 0; i < index_->entries_.size(); ++i) {
    const LowerIndex::Entry& e = index_->entries_[i];
    if (e.type == kHidden) continue;
    clean.Put(e.layer, index_->name(i), e.type, e.ino, Known{e.plain});
    if (chains_[i].first == 0) continue;
    std::vector<LayerId> all = HoldersOf(i, false), filled = HoldersOf(i, true);
    LowerIndex::Entry& entry = clean.index_->entries_.back();
    // Few of them, or it is not worth a set of its own.
    const bool few = e.plain && filled.size() * 2 <= all.size();
    entry.set = number(std::move(all));
    if (!few || entry.set == LowerIndex::kUncounted) continue;
    entry.filled = number(std::move(filled));
    if (entry.filled == LowerIndex::kUncounted) entry.filled = 0;
  }
  *built = std::move(*clean.index_);
  built->entries_.shrink_to_fit();
  built->names_.shrink_to_fit();
  built->sets_.shrink_to_fit();
  return built;
}

}  // namespace plyfs
