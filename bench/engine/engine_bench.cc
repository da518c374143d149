// The engine without FUSE: LOOKUP and READDIR by the number of layers.
#include <benchmark/benchmark.h>

#include "bench/engine/layer_tree.h"

namespace plyfs::bench {
namespace {

constexpr int kNames = 1000;  // asked for in one go on a fresh mount

void ByLayers(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("layers")->Arg(1)->Arg(10)->Arg(100)->Arg(500)->Arg(5000);
}

// One LOOKUP; the client forgets it again.
void Ask(benchmark::State& state, UnionFs& fs, NodeId dir, const std::string& name, bool present) {
  const auto entry = fs.Lookup(Caller(), dir, Name::Trusted(name));
  if (!entry.ok() || (entry->node != 0) != present) return state.SkipWithError("a wrong answer");
  if (present) fs.Forget(entry->node, 1);
}

// Iterations(kNames): each asks for a name that was not asked for before; what the engine does once for the
// whole directory is part of it.
void LookupPresentFirst(benchmark::State& state) {
  const LayerTree& tree = LayerTree::Of(static_cast<int>(state.range(0)));
  const auto fs = tree.Open();
  const NodeId dir = FindDirectory(*fs);
  size_t at = 0;
  const size_t step = tree.files().size() / kNames;
  for (auto _ : state) Ask(state, *fs, dir, tree.files()[step * at++], true);
}
BENCHMARK(LookupPresentFirst)->Apply(ByLayers)->Iterations(kNames);

void LookupAbsentFirst(benchmark::State& state) {
  const auto fs = LayerTree::Of(static_cast<int>(state.range(0))).Open();
  const NodeId dir = FindDirectory(*fs);
  int at = 0;
  for (auto _ : state) Ask(state, *fs, dir, "absent" + std::to_string(at++), false);
}
BENCHMARK(LookupAbsentFirst)->Apply(ByLayers)->Iterations(kNames);

// The client holds the name: the engine has it in memory.
void LookupPresentAgain(benchmark::State& state) {
  const LayerTree& tree = LayerTree::Of(static_cast<int>(state.range(0)));
  const auto fs = tree.Open();
  const NodeId dir = FindDirectory(*fs);
  const Name name = Name::Trusted(tree.files().back());
  (void)fs->Lookup(Caller(), dir, name);
  for (auto _ : state) benchmark::DoNotOptimize(fs->Lookup(Caller(), dir, name));
}
BENCHMARK(LookupPresentAgain)->Apply(ByLayers);

void LookupAbsentAgain(benchmark::State& state) {
  const auto fs = LayerTree::Of(static_cast<int>(state.range(0))).Open();
  const NodeId dir = FindDirectory(*fs);
  for (auto _ : state) Ask(state, *fs, dir, "absent", false);
}
BENCHMARK(LookupAbsentAgain)->Apply(ByLayers);

uint64_t List(UnionFs& fs, NodeId dir) {
  const auto opened = fs.OpenDir(Caller(), dir, 0);
  if (!opened.ok()) return 0;
  uint64_t names = 0;
  const Status read = fs.ReadDir(dir, opened->handle, 0, [&](const DirEntry&) { return ++names != 0; });
  fs.ReleaseDir(dir, opened->handle);
  return read.ok() ? names : 0;
}

// The first listing on a fresh mount: every layer is read.
void ReadDirFirst(benchmark::State& state) {
  const LayerTree& tree = LayerTree::Of(static_cast<int>(state.range(0)));
  uint64_t names = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto fs = tree.Open();
    const NodeId dir = FindDirectory(*fs);
    state.ResumeTiming();
    names += List(*fs, dir);
    state.PauseTiming();
    fs.reset();
    state.ResumeTiming();
  }
  if (names == 0) state.SkipWithError("nothing was listed");
  state.counters["per_layer"] =
      benchmark::Counter(static_cast<double>(tree.layers()),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(ReadDirFirst)->Apply(ByLayers)->Iterations(5)->Unit(benchmark::kMicrosecond);

void ReadDirAgain(benchmark::State& state) {
  const LayerTree& tree = LayerTree::Of(static_cast<int>(state.range(0)));
  const auto fs = tree.Open();
  const NodeId dir = FindDirectory(*fs);
  if (List(*fs, dir) == 0) return state.SkipWithError("nothing was listed");
  for (auto _ : state) benchmark::DoNotOptimize(List(*fs, dir));
  state.counters["per_name"] =
      benchmark::Counter(static_cast<double>(tree.files().size()),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(ReadDirAgain)->Apply(ByLayers)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace plyfs::bench

BENCHMARK_MAIN();
