// For tests of merge_rule only: layers as tables, and a lookup over them as a caller of the fold does it.
#ifndef PLYFS_ENGINE_FORMAT_MERGE_RULE_TESTING_H_
#define PLYFS_ENGINE_FORMAT_MERGE_RULE_TESTING_H_

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/format/merge_rule.h"

namespace plyfs {

// A layer as a table from path ("a/b") to what it holds there; a path not in it is absent.
using Layer = std::map<std::string, Finding>;

inline Finding Dir() {
  return {.found = Found::kDirectory};
}
inline Finding OpaqueDir() {
  return {.found = Found::kDirectory, .opaque = Opaque::kYes};
}
inline Finding DirTo(std::string redirect) {
  return {.found = Found::kDirectory, .redirect = std::move(redirect)};
}
inline Finding File() {
  return {.found = Found::kRegular};
}
inline Finding Whiteout() {
  return {.found = Found::kWhiteout};
}
inline Finding Symlink() {
  return {.found = Found::kSpecial};
}
inline Finding Meta() {
  return {.found = Found::kRegular, .metacopy_record = true};
}
inline Finding MetaTo(std::string redirect) {
  return {.found = Found::kRegular, .metacopy_record = true, .redirect = std::move(redirect)};
}
inline Finding Xwhiteout() {
  return {.found = Found::kEmptyRegular, .whiteout_record = true};
}

// A lookup over whole layers, as a caller of the fold does it.
struct Lookup {
  std::vector<Layer> lowers{};  // topmost first
  std::optional<Layer> upper{};
  MergeRules rules{};
  std::string parent{};                  // its path, the same in every layer, where it is in parent_layers
  std::vector<LayerId> parent_layers{};  // empty: all lowers

  // What came of it.
  std::string seen{};      // "U:a L0:a": kTop and kMember
  std::string data{};      // where kData was found
  std::string metadata{};  // kMetadata
  bool opaque = false;

  Result<Merged> Run(const std::string& name) {
    rules.lowest = static_cast<LayerId>(lowers.size()) - 1;
    if (parent_layers.empty()) {
      for (LayerId i = 0; i <= rules.lowest; ++i) parent_layers.push_back(i);
    }
    MergeFold fold(rules, name);
    if (upper) PLY_CHECK(Walk(fold, kUpper, *upper, parent_layers.empty()));
    size_t at = 0;  // in parent_layers
    LayerId next = 0;
    while (!fold.done()) {
      bool last;
      if (fold.absolute()) {
        if (next > rules.lowest) break;
        last = next == rules.lowest;
      } else {
        if (at == parent_layers.size()) break;
        next = parent_layers[at++];
        last = at == parent_layers.size();
      }
      PLY_CHECK(Walk(fold, next, lowers[static_cast<size_t>(next)], last));
      ++next;
    }
    opaque = fold.opaque();
    return fold.Finish();
  }

 private:
  Status Walk(MergeFold& fold, LayerId id, const Layer& layer, bool last) {
    PLY_CHECK(fold.BeginLayer(id, last));
    std::string dir = fold.absolute() || parent.empty() ? "" : parent + "/";
    for (;;) {
      const std::string path = dir + std::string(fold.component());
      const auto it = layer.find(path);
      Finding finding = it == layer.end() ? Finding{} : it->second;
      // Blind to what is not asked for, so that Wanted() is tested by everything.
      const WantedRecords wanted = fold.Wanted(finding.found);
      if (!wanted.whiteout) finding.whiteout_record = false;
      if (!wanted.metacopy) finding.metacopy_record = false;
      if (!wanted.opaque) finding.opaque = Opaque::kNo;
      if (!wanted.redirect) finding.redirect.reset();
      PLY_TRY(const FoldStep step, fold.Add(finding));
      Note(step.role, (id == kUpper ? "U" : "L" + std::to_string(id)) + ":" + path);
      if (!step.descend) return OkStatus();
      dir = path + "/";
    }
  }

  void Note(Role role, const std::string& where) {
    std::string* list = nullptr;
    if (role == Role::kTop || role == Role::kMember) list = &seen;
    if (role == Role::kData) list = &data;
    if (role == Role::kMetadata) list = &metadata;
    if (list) *list += (list->empty() ? "" : " ") + where;
  }
};

inline MergeRules WithMetacopy() {
  return {.metacopy = true};
}
inline MergeRules NoFollow() {
  return {.follow_redirects = false};
}

inline void ExpectSeen(Lookup lookup, const std::string& name, const std::string& seen) {
  auto merged = lookup.Run(name);
  ASSERT_TRUE(merged.ok()) << merged.error();
  EXPECT_EQ(lookup.seen, seen);
  EXPECT_EQ(merged->type == MergedType::kAbsent, seen.empty());
}

inline int ErrorOf(Lookup lookup, const std::string& name) {
  return lookup.Run(name).error();
}

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_MERGE_RULE_TESTING_H_
