// The caches by themselves: DentryCache hits by one thread and by several, building a LowerIndex, its memory.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "engine/tree/dentry_cache.h"
#include "engine/tree/lower_index.h"

namespace plyfs::bench {
namespace {

constexpr NodeId kParents = 100;
constexpr size_t kNamesPerParent = 100;

std::vector<std::string> MakeNames(size_t count) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.push_back("some_file_" + std::to_string(i));
  return names;
}

const std::vector<std::string>& CacheNames() {
  static const std::vector<std::string> names = MakeNames(kNamesPerParent);
  return names;
}

DentryCache& FilledCache() {
  static DentryCache* const cache = [] {
    auto* made = new DentryCache();
    for (NodeId parent = 1; parent <= kParents; ++parent) {
      for (size_t i = 0; i < kNamesPerParent; ++i) {
        const Name name = Name::Trusted(CacheNames()[i]);
        // Half of them absent.
        if (i % 2 == 0) {
          made->SetPresent(parent, name, i + 10);
        } else {
          made->SetAbsent(parent, name);
        }
      }
    }
    return made;
  }();
  return *cache;
}

// The name is hashed each time, as it is for a request.
void DentryCacheHit(benchmark::State& state) {
  DentryCache& cache = FilledCache();
  uint64_t at = static_cast<uint64_t>(state.thread_index()) * 7919;
  for (auto _ : state) {
    at = at * 6364136223846793005u + 1442695040888963407u;
    const std::string& name = CacheNames()[(at >> 33) % kNamesPerParent];
    const auto found = cache.Find(1 + (at >> 50) % kParents, Name::Trusted(name));
    if (found.state == DentryCache::State::kUnknown) state.SkipWithError("a name is not there");
  }
}
BENCHMARK(DentryCacheHit)->ThreadRange(1, 4)->UseRealTime();

// All threads ask for one name: the worst that a hot directory can do.
void DentryCacheHitOneName(benchmark::State& state) {
  DentryCache& cache = FilledCache();
  const Name name = Name::Trusted(CacheNames()[0]);
  for (auto _ : state) benchmark::DoNotOptimize(cache.Find(1, name));
}
BENCHMARK(DentryCacheHitOneName)->ThreadRange(1, 4)->UseRealTime();

// range(0) layers with range(1) names each, from memory: what merging costs without reading the disk.
void BuildLowerIndex(benchmark::State& state) {
  const auto layers = static_cast<size_t>(state.range(0)), names = static_cast<size_t>(state.range(1));
  const std::vector<std::string> all = MakeNames(layers * names);
  LayerSetTable sets;
  size_t bytes = 0, size = 0;
  for (auto _ : state) {
    LowerIndexBuilder builder;
    for (size_t i = 0; i < all.size(); ++i) {
      builder.Add(static_cast<LayerId>(i / names), all[i], 8, i + 1);
    }
    const auto index = builder.Build(sets);
    bytes = index->bytes();
    size = index->size();
  }
  if (size != all.size()) state.SkipWithError("names are missing");
  state.counters["bytes_a_name"] = static_cast<double>(bytes) / static_cast<double>(size);
  state.counters["per_name"] =
      benchmark::Counter(static_cast<double>(all.size()),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(BuildLowerIndex)
    ->ArgNames({"layers", "names"})
    ->Args({1, 1000})
    ->Args({10, 100})
    ->Args({500, 2})
    ->Args({500, 200})
    ->Args({5000, 20});

}  // namespace
}  // namespace plyfs::bench
