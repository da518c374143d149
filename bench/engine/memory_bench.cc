// Memory: what an inode takes that the client holds, and a directory of as many files that come and go.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <string>
#include <vector>

#include "engine/tree/dentry_cache.h"
#include "engine/tree/inode_table.h"

namespace plyfs::bench {
namespace {

size_t HeapBytes() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

// As LOOKUP leaves it: range(0) objects, a thousand in a directory, lower ones if range(1) is 0.  Names have
// ten bytes; attributes and listings are not counted.
void HeldInodes(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  const bool upper = state.range(1) == 1, dirs = state.range(1) == 2;
  LayerSetTable sets;
  const LayerSetRef layers = sets.Intern({0, 1});
  for (auto _ : state) {
    DentryCache dentries;
    InodeTable inodes(dentries);
    const size_t empty = HeapBytes();
    InodeInit init;
    init.type = S_IFDIR;
    InodeRef dir = inodes.Insert(init);
    LowerPath path;
    for (size_t i = 0; i < count; ++i) {
      char name[16];
      (void)std::snprintf(name, sizeof(name), "n%09zu", i);
      InodeInit made;
      made.type = dirs ? S_IFDIR : S_IFREG;
      made.st_ino = i + 2;
      const ObjectId object{1, i + 2, i};
      ObjectId known_as = object;
      if (dirs) {
        made.lowers = DirLowers{layers, {{0, path.Child(name)}}, object};
        known_as = {uint64_t{1} << 63 | 1, dir->id(), i};
      } else if (upper) {
        made.upper = object;
      } else {
        made.lower = LowerAnchor{0, path.Child(name), object};
        known_as.dev |= uint64_t{1} << 63;
        known_as.birth ^= 0x9e3779b97f4a7c15u * (i + 1);
      }
      InodeRef inode = inodes.Intern(known_as, std::move(made));
      if (dirs) {
        inodes.NameDirectory(*inode, dir, name);
      } else {
        inode->AddName(dir, name);
      }
      dentries.SetPresent(dir->id(), Name::Trusted(name), inode->id(), inode->SpellingOf(*dir, name));
      inodes.AddLookup(*inode);
    }
    const size_t each = HeapBytes() - empty;
    state.counters["heap_bytes_each"] = static_cast<double>(each) / static_cast<double>(count);
    state.counters["told_bytes_each"] =
        static_cast<double>(inodes.bytes() + dentries.bytes()) / static_cast<double>(count);
    state.PauseTiming();
    for (uint32_t i = 2; i < count + 2; ++i) inodes.Forget(i, 1);
    dir = InodeRef();
    dentries.Shrink();
    inodes.Shrink();
    state.counters["left_bytes"] = static_cast<double>(HeapBytes()) - static_cast<double>(empty);
    state.ResumeTiming();
  }
}
BENCHMARK(HeldInodes)
    ->ArgNames({"inodes", "kind"})
    ->ArgsProduct({{100'000, 1'000'000, 1'500'000}, {0, 1, 2}})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace plyfs::bench
