#include "engine/ops/narrow.h"

#include <dirent.h>

#include <algorithm>

#include "engine/ops/load_listing.h"
#include "engine/ops/locate.h"

namespace plyfs {
namespace {

// As many layers may be asked for one entry of a listing that is being sent.
constexpr size_t kFewLayers = 8;

std::vector<LowerMember> MembersFrom(const DirLowers& lowers, LayerId from) {
  std::vector<LowerMember> members;
  if (lowers.empty()) return members;
  const std::vector<LayerId>& layers = lowers.layers->layers();
  auto first = std::lower_bound(layers.begin(), layers.end(), from) - layers.begin();
  members.reserve(layers.size() - static_cast<size_t>(first));
  for (size_t i = static_cast<size_t>(first); i < layers.size(); ++i) {
    members.push_back(LowerMember{layers[i], lowers.path(i)});
  }
  return members;
}

// The directory's members among `holders`, which are sorted as they are.
std::vector<LowerMember> MembersIn(const DirLowers& lowers, std::span<const LayerId> holders) {
  std::vector<LowerMember> members;
  if (lowers.empty()) return members;
  const std::vector<LayerId>& layers = lowers.layers->layers();
  members.reserve(holders.size());
  auto at = layers.begin();
  for (LayerId holder : holders) {
    at = std::lower_bound(at, layers.end(), holder);
    if (at == layers.end()) break;
    if (*at == holder) {
      members.push_back(LowerMember{holder, lowers.path(static_cast<size_t>(at - layers.begin()))});
    }
  }
  return members;
}

std::vector<LowerMember> Holders(const DirLowers& lowers, const Listed& listed) {
  const LowerIndex::Entry* entry = listed.held.entry;
  if (!entry) return {};
  if (entry->set == LowerIndex::kUncounted) return MembersFrom(lowers, entry->layer);
  const LayerSet* set = PlainCopies(lowers, listed) ? nullptr : listed.listing->index()->set(*entry);
  if (set) return MembersIn(lowers, set->layers());
  return MembersIn(lowers, {&entry->layer, 1});
}

// Reading it whole costs little more than asking for one name does.
bool IsCheapToRead(Parts& parts, const Inode& dir) {
  if (parts.stack->indexed()) return true;
  if (dir.id() == kRootNode) return true;  // once
  // Its lookup has opened it in each layer.
  return parts.held.Has(dir.id()) && (!parts.coherence || dir.seen_copies().digest != 0);
}

}  // namespace

Listed ListedName(const Tree& tree, Inode& dir, Name name) {
  Listed listed;
  if (!tree.ask_listings || !dir.watched()) return listed;
  listed.listing = dir.listing();
  if (!listed.listing) return listed;
  dir.NoteListingUse();
  listed.held = listed.listing->Find(name);
  return listed;
}

LayerSetRef PlainCopies(const DirLowers& of_dir, const Listed& listed) {
  if (!listed.held.entry || of_dir.runs.size() != 1) return nullptr;
  return listed.listing->index()->plain_set(*listed.held.entry);
}

Lowers AllMembers(const Inode& dir) {
  Lowers lowers;
  lowers.members = MembersOf(dir);
  if (!lowers.members.empty()) lowers.lowest = lowers.members.back().layer;
  return lowers;
}

Lowers WhomToAsk(const Inode& dir, const Listed& listed) {
  if (!listed.listing) return AllMembers(dir);
  DirLowers known = dir.lowers();
  Lowers lowers;
  if (known.empty()) return lowers;
  lowers.lowest = known.layers->layers().back();
  lowers.members = Holders(known, listed);
  const LowerIndex::Entry* entry = listed.held.entry;
  lowers.likely_directory = entry && entry->type == DT_DIR;
  lowers.rest = [&dir](LayerId from) { return MembersFrom(dir.lowers(), from); };
  return lowers;
}

bool IsCheap(const Inode& dir, const Listed& listed) {
  if (!listed.listing) return dir.lowers().size() <= kFewLayers;
  const LowerIndex::Entry* entry = listed.held.entry;
  if (!entry || entry->set == LowerIndex::kAlone) return true;
  const LayerSet* set = listed.listing->index()->set(*entry);
  return set && set->size() <= kFewLayers;
}

void BuyIfDue(Parts& parts, const InodeRef& dir) {
  uint64_t price = 0;
  bool always = parts.config.merge_index == MergeIndex::kOn;
  if (!dir->listing() && IsCheapToRead(parts, *dir)) {
    dir->PayRent(dir->lowers().size() * Inode::kPriceOfReading);
  }
  if (!parts.tree.ask_listings || !dir->RentIsDue(always, &price)) return;
  // Names cost little beside the layers they are in.
  constexpr uint64_t kNamesALayer = 32, kNamesAnyway = 1024;
  const uint64_t most_names = always ? ~uint64_t{0} : kNamesAnyway + price * kNamesALayer;
  bool bought = BuyListing(parts, dir, most_names).value_or(false);
  if (!bought) dir->RaisePrice();
}

}  // namespace plyfs
