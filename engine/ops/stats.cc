#include "engine/ops/stats.h"

#include <algorithm>
#include <cstdio>

#include "engine/io/calls_made.h"
#include "engine/ops/parts.h"

namespace plyfs {
namespace {

struct Held {
  uint64_t names = 0, attributes = 0, by_client = 0;
};

Held HeldBy(InodeTable& inodes) {
  Held held;
  inodes.Visit([&](const InodeRef& inode) {
    if (inode->lookups() > 0) ++held.by_client;
    if (!inode->is_dir()) return;
    if (auto listing = inode->listing()) held.names += listing->count();
  });
  held.attributes = inodes.attrs();
  return held;
}

// Memory that only this process has; 0 where /proc does not say.
uint64_t AnonymousMemory() {
  unsigned long long kib = 0;
  FILE* file = std::fopen("/proc/self/status", "re");
  if (!file) return 0;
  char line[256];
  while (std::fgets(line, sizeof line, file)) {
    if (std::sscanf(line, "RssAnon: %llu", &kib) == 1) break;
  }
  std::fclose(file);
  return kib << 10;
}

// What memory there may be by design, term by term (docs/benchmarks.md, "Memory").
struct Allowed {
  Allowed(const Held& held, uint64_t limit, uint64_t watch_count)
      : known(std::min(limit, held.names * 100 + held.attributes * 130)),
        inodes(held.by_client * 150),
        watches(watch_count * 64) {}
  uint64_t base = uint64_t{24} << 20;
  uint64_t known, inodes, watches;
  uint64_t all() const { return base + known + inodes + watches; }
};

}  // namespace

std::vector<Stat> Stats(Parts& parts) {
  const Held held = HeldBy(parts.tree.inodes);
  const uint64_t limit = parts.config.memory_bytes;
  const uint64_t watches = parts.coherence ? parts.coherence->watcher().marks() : 0;
  const uint64_t by_filesystem = parts.coherence ? parts.coherence->watcher().by_filesystem() : 0;
  const Allowed allowed(held, limit, watches);
  return {
      {"system_calls", calls_made.total()},
      {"layers", static_cast<uint64_t>(parts.stack->lower_count()) + (parts.stack->upper() ? 1 : 0)},
      {"inodes", parts.tree.inodes.size()},
      {"inodes_held_by_kernel", held.by_client},
      {"cached_attributes", held.attributes},
      {"cached_names", parts.tree.dentries.size()},
      {"indexed_names", held.names},
      {"listing_bytes", parts.tree.listings.bytes()},
      {"layer_index_bytes", parts.stack->index_bytes()},
      {"memory_limit_bytes", limit},
      {"watches", watches},
      {"watches_by_filesystem", by_filesystem},
      {"open_files", parts.files.size()},
      {"open_directories", parts.dirs.size()},
      {"cached_descriptors", parts.dir_fds.size() + parts.file_fds.size()},
      {"nameless_objects", static_cast<uint64_t>(std::max(parts.pins.load(), 0))},
      {"attribute_bytes", parts.tree.inodes.attr_bytes()},
      {"inode_bytes", parts.tree.inodes.bytes() + parts.tree.dentries.bytes()},
      {"ring_payload_bytes", 0},
      {"anonymous_memory_bytes", AnonymousMemory()},
      {"allowed_base_bytes", allowed.base},
      {"allowed_known_bytes", allowed.known},
      {"allowed_inode_bytes", allowed.inodes},
      {"allowed_watch_bytes", allowed.watches},
      {"allowed_memory_bytes", allowed.all()},
  };
}

}  // namespace plyfs
