// Parts: what an operation works with.  References of one mount; nothing global.
//
// Made and owned by UnionFs; constant after the mount is live, each member synchronises itself.
#ifndef PLYFS_ENGINE_OPS_PARTS_H_
#define PLYFS_ENGINE_OPS_PARTS_H_

#include <atomic>
#include <memory>

#include "engine/format/merge_rule.h"
#include "engine/format/stack_config.h"
#include "engine/format/xino.h"
#include "engine/io/ring.h"
#include "engine/io/side_by_side.h"
#include "engine/layer/fd_cache.h"
#include "engine/layer/held_copies.h"
#include "engine/layer/layer_stack.h"
#include "engine/layer/origin_store.h"
#include "engine/layer/probe.h"
#include "engine/layer/records.h"
#include "engine/layer/work_dir.h"
#include "engine/ops/coherence.h"
#include "engine/ops/exclusion.h"
#include "engine/ops/open_files.h"
#include "engine/ops/request.h"
#include "engine/tree/tree.h"

namespace plyfs {

struct Parts {
  explicit Parts(const StackConfig& c) : config(c), records(c.userxattr, c.reads_other_whiteouts()) {}

  const StackConfig config;
  const Records records;
  MergeRules rules;
  std::unique_ptr<LayerStack> stack;
  std::unique_ptr<WorkDir> work;  // null: read-only mount
  std::unique_ptr<OriginStore> origins;
  std::unique_ptr<InoMapper> inos;
  std::unique_ptr<RingPool> rings;  // null: io_uring is off
  SideBySide side_by_side;
  Invalidator* invalidator = nullptr;
  std::atomic<int> pins{0};  // descriptors held by nameless objects (ops/orphan.h)
  int pin_budget = 4096;     // how many these may be

  // What is declared first is destroyed last: open handles hold inodes.
  Tree tree;
  FdCache dir_fds{2048};  // O_PATH, of directories in upper, by nodeid
  // Of open files, by ops/file_access.cc.  What a hand has removed can be had by no other.
  FdCache file_fds{8192, SpareDescriptors::Turn::kLast};
  HeldCopies held{4096};  // of directories in lower layers, from their lookup to their reading
  HandleTable<OpenFile> files;
  HandleTable<OpenDir> dirs;

  Exclusion copies{StateRank::kCopies};            // by nodeid of what is copied up
  Exclusion dir_changes{StateRank::kDirectories};  // by nodeid of the directory
  Exclusion listings{StateRank::kListings};        // loads of listings, by nodeid; names are loaded within
  Exclusion loads{StateRank::kLoads};              // of a name, by hash of (parent, name)
  Exclusion moves{StateRank::kMoves};              // of objects whose names change, by ops/name_change.h

  std::unique_ptr<Coherence> coherence;  // null: lower=frozen; its thread uses all of the above

  bool writable() const { return config.writable(); }
  ProbeContext probe_context() { return ProbeContext{*stack, records, rules, rings.get()}; }
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_PARTS_H_
