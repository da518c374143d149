#include "engine/union_fs/open_parts.h"

#include <fcntl.h>
#include <sys/random.h>

#include <algorithm>
#include <cstring>

#include "engine/base/log.h"
#include "engine/io/sys_creds.h"
#include "engine/io/sys_handle.h"
#include "engine/io/sys_limits.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/io/sys_xattr.h"
#include "engine/layer/object.h"
#include "engine/ops/locate.h"
#include "engine/ops/stat_inode.h"

namespace plyfs {
namespace {

MergeRules RulesOf(const StackConfig& config, const LayerStack& stack) {
  MergeRules rules;
  rules.follow_redirects = config.redirect_dir != RedirectDir::kNoFollow;
  rules.metacopy = config.metacopy;
  rules.data_layers = stack.data_count() > 0;
  rules.lowest = stack.lower_count() - 1;
  return rules;
}

// Handles of type 1 with eight bytes carry a number of 32 bits (exportfs: FILEID_INO32_GEN).
bool AllNumbersFitIn32Bits(const LayerStack& stack) {
  auto fits = [](const Layer& layer) {
    Result<sys::FileHandle> handle = sys::NameToHandleAt(layer.root());
    return handle.ok() && handle->type == 1 && handle->bytes.size() == 8;
  };
  if (stack.upper() && !fits(*stack.upper())) return false;
  uint64_t last = 0;
  for (LayerId id = 0; id < stack.lower_count() + stack.data_count(); ++id) {
    const Layer& layer = stack.lower(id);
    if (layer.device() == last) continue;
    if (!fits(layer)) return false;
    last = layer.device();
  }
  return true;
}

bool AnyLayerSlow(const LayerStack& stack) {
  for (LayerId id = 0; id < stack.lower_count() + stack.data_count(); ++id) {
    if (stack.lower(id).slow()) return true;
  }
  return stack.upper() && stack.upper()->slow();
}

// What has been read of layers' indices is no more than a quarter of the memory for what is known.
uint64_t IndexMemoryOf(const StackConfig& config) {
  return config.index_dir.empty() ? 0 : config.memory_bytes / 4;
}

// Descriptors that are kept open may not use up the process's limit, of which each layer takes one: what is
// not kept is opened again when it is needed.
void ShareOutDescriptors(Parts& parts) {
  uint64_t limit = sys::DescriptorLimit();
  uint64_t layers = static_cast<uint64_t>(parts.stack->lower_count() + parts.stack->data_count());
  if (!parts.config.index_dir.empty()) layers += static_cast<uint64_t>(parts.stack->lower_count());
  uint64_t others = layers + std::min<uint64_t>(512, limit / 4);  // of requests under way, watches, rings
  uint64_t kept = limit > others ? limit - others : 0;
  constexpr uint64_t kDirs = 2048, kFiles = 8192, kPins = 4096, kHeld = 4096;
  constexpr uint64_t kAll = kDirs + kFiles + kPins + kHeld;
  if (kept >= kAll) return;
  parts.dir_fds.SetCapacity(kept * kDirs / kAll);
  parts.file_fds.SetCapacity(kept * kFiles / kAll);
  parts.held.SetCapacity(kept * kHeld / kAll);
  parts.pin_budget = static_cast<int>(kept * kPins / kAll);
}

// M27, M28: a known overlay keeps its identity; one that was used before uuids existed stays without.
Status KeepUuid(Parts& parts) {
  if (parts.config.uuid == UuidMode::kNull || parts.config.uuid == UuidMode::kOff) return OkStatus();
  int upper = parts.stack->upper()->root();
  PLY_TRY(auto uuid, parts.records.Get(upper, Record::kUuid));
  if (uuid) return OkStatus();
  PLY_TRY(auto impure, parts.records.Get(upper, Record::kImpure));
  if (impure && parts.config.uuid == UuidMode::kAuto) return OkStatus();
  char bytes[16];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return Errno(EIO);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  return parts.records.Set(upper, Record::kUuid, std::string_view(bytes, sizeof bytes));
}

Status PlantRoot(Parts& parts) {
  const LayerStack& stack = *parts.stack;
  InodeInit init;
  init.type = S_IFDIR;
  if (stack.upper()) init.upper = stack.upper()->root_id();
  ObjectId top = stack.upper() ? init.upper : stack.lower(0).root_id();
  init.st_ino = MapIno(parts, top);
  std::vector<LowerMember> members;
  for (LayerId id = 0; id < stack.lower_count(); ++id) members.push_back(LowerMember{id, LowerPath()});
  init.lowers = LowersOf(parts, std::move(members));
  InodeRef root = parts.tree.inodes.Insert(std::move(init));
  // The client never forgets the root.
  parts.tree.inodes.AddLookup(*root);
  return OkStatus();
}

}  // namespace

Result<std::unique_ptr<Parts>> ClaimParts(const StackConfig& config, std::string* error_line) {
  auto parts = std::make_unique<Parts>(config);
  (void)sys::KeepCapabilitiesAcrossFsIds();
  PLY_TRY(parts->stack, LayerStack::Open(config, error_line));
  if (config.writable()) {
    PLY_TRY(parts->work, WorkDir::Claim(*parts->stack->upper(), config, error_line));
  }
  PLY_CHECK(parts->stack->TakeIndices(config, sys::DescriptorLimit() / 3, IndexMemoryOf(config), error_line));
  ShareOutDescriptors(*parts);
  // What a server or another daemon answers depends on who asks: reads there must not go out as the last
  // caller.
  if (AnyLayerSlow(*parts->stack)) sys::GoBackToOwnFsIdsAtOnce();
  parts->rules = RulesOf(config, *parts->stack);
  parts->origins = OriginStore::Open(*parts->stack, config.uuid == UuidMode::kOff);
  parts->inos = std::make_unique<InoMapper>(parts->stack->filesystems(), parts->stack->upper() != nullptr,
                                            AllNumbersFitIn32Bits(*parts->stack));
  if (config.use_io_uring) parts->rings = std::make_unique<RingPool>();
  if (config.lower == LowerMode::kFrozen) parts->tree.inodes.AssumeWatched();
  parts->tree.memory = config.memory_bytes - IndexMemoryOf(config);
  parts->tree.listings.SetLimit(parts->tree.memory);
  parts->tree.ask_listings = config.merge_index != MergeIndex::kOff;
  PLY_CHECK(PlantRoot(*parts));
  if (config.lower == LowerMode::kWatch) {
    parts->tree.dentries.SetEvictionSink([p = parts.get()](NodeId parent, std::string_view name) {
      if (p->invalidator) p->invalidator->InvalidateEntry(parent, name);
    });
    parts->coherence = std::make_unique<Coherence>(*parts);
  }
  return parts;
}

Status PrepareParts(Parts& parts, std::string* error_line) {
  if (!parts.writable()) return OkStatus();
  PLY_CHECK(parts.work->Prepare(parts.config, error_line));
  if (Status kept = KeepUuid(parts); !kept.ok()) {
    Logf("upperdir=%s: cannot record overlay.uuid: %s", parts.config.upperdir.c_str(),
         std::strerror(kept.error()));
  }
  return OkStatus();
}

Result<std::unique_ptr<Parts>> OpenParts(const StackConfig& config, std::string* error_line) {
  PLY_TRY(std::unique_ptr<Parts> parts, ClaimParts(config, error_line));
  PLY_CHECK(PrepareParts(*parts, error_line));
  return parts;
}

}  // namespace plyfs
