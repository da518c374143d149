// World: the tree room (engine/tree) beside a tree of std::maps that says what is true.
//
// Owned by a run of tree_fuzz; one thread.  It does what engine/ops does with the tree, in the same order,
// but with its truth in place of layers; loads, listings and looks at attributes may stay in flight over
// other operations, as if other threads did them.  What does not hold ends the program.
#ifndef PLYFS_FUZZ_TREE_WORLD_H_
#define PLYFS_FUZZ_TREE_WORLD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/tree/dentry_cache.h"
#include "engine/tree/inode_table.h"
#include "engine/tree/listing_clock.h"

namespace plyfs {

struct Thing {
  uint64_t object = 0;
  bool dir = false;
  friend bool operator==(const Thing&, const Thing&) = default;
};
using Names = std::map<std::string, Thing>;

class World {
 public:
  struct Room {
    bool many_names = false;    // more than are asked for
    bool few_listings = false;  // two or three
  };
  explicit World(Room room);

  // One record of an input.
  void Do(const uint8_t* r);
  // Nothing is left of what nobody holds.  `unmounts`: with what the client holds, instead.
  void End(bool unmounts);

 private:
  struct Load {
    InodeRef dir;
    std::string name;
    DentryCache::Ticket ticket;
    std::optional<Thing> answer;
    bool doubted = false;  // changed by hand since
  };
  struct Reading {
    InodeRef dir;
    uint64_t version = 0;
    Names names;
    bool changed = false;
  };
  struct View {
    std::shared_ptr<MergedDir> listing;
    uint64_t sequence = 0;
    Cookie after = 0;
    std::set<std::string> left;
  };

  size_t Memory() const { return room_.few_listings ? kLittleMemory : kMemory; }
  uint64_t ObjectOf(const Inode& inode) const { return objects_.at(inode.id()); }
  Names& TruthOf(const Inode& dir) { return truth_[ObjectOf(dir)]; }
  std::optional<Thing> Truth(const Inode& dir, const std::string& name) {
    auto it = TruthOf(dir).find(name);
    return it == TruthOf(dir).end() ? std::nullopt : std::optional<Thing>(it->second);
  }
  InodeRef HeldDir(uint8_t which);
  InodeRef Held(uint8_t which);
  // How many names the object has in all.
  size_t CountNames(uint64_t object) const;
  bool IsBeneath(uint64_t object, uint64_t above) const;
  InodeRef Admit(const InodeRef& dir, const std::string& name, const Thing& thing);
  InodeRef Resolve(const InodeRef& dir, const std::string& name);
  // What was found, which goes again if nobody holds it.
  InodeRef FinishLoad(size_t i);
  std::vector<InodeRef> FinishLoadOf(const Inode& dir, const std::string& name);
  void NoteChange(const Inode& dir);
  void Lookup(const InodeRef& dir, const std::string& name);
  void BeginLoad(const InodeRef& dir, const std::string& name);
  void Create(const InodeRef& dir, const std::string& name, bool is_dir);
  void Remove(const InodeRef& dir, const std::string& name, bool cheap);
  void Lose(const InodeRef& dir, const std::string& name, const InodeRef& inode);
  void Rename(const InodeRef& dir, const std::string& name, const InodeRef& to, const std::string& to_name);
  void ByHand(const InodeRef& dir, const std::string& name);
  void Forget(uint8_t which, bool all, bool too_much);
  void FinishReading(size_t i);
  void OpenView(const InodeRef& dir);
  void ReadView(size_t i, size_t limit);
  void DoOften(const uint8_t* r, const InodeRef& dir, const InodeRef& to, const std::string& name,
               const std::string& other);
  void Check(const Inode& dir, const std::string& name);
  void CheckListing(const Inode& dir);

  // tree_world_rare.cc: what happens seldom.
  void DoSeldom(const uint8_t* r, const InodeRef& dir, const InodeRef& to, const std::string& name,
                const std::string& other);
  void AbandonLoad(size_t i);
  void FinishLoadsOf(uint64_t object);
  void DoubtIf(const Inode& dir, const std::string& name, bool wrong_node);
  void NoteUnwatched(const InodeRef& dir, const std::string& name);
  void Link(const InodeRef& dir, const std::string& name, const InodeRef& to, const std::string& to_name);
  void Split(const InodeRef& dir, const std::string& name, bool seen_before);
  void TellByHand(const InodeRef& dir, const std::string& name);
  void Recheck(const InodeRef& dir, const std::string& name);
  void Replace(const InodeRef& dir, const std::string& name);
  void TurnInsideOut(const InodeRef& dir, const std::string& name, bool inner_first);
  void MakeNameless(size_t count);
  void FreeNameless(size_t count);
  void ForgetUnheld();
  void LookAtAttr(const InodeRef& inode);
  void StoreAttr(size_t i);
  void ChangeAttr(Inode& inode);
  void Churn(const InodeRef& dir, size_t times);
  void AskManyAbsent(const InodeRef& dir, unsigned from);
  void CheckTable(const InodeRef& dir);

  struct AttrLook {
    InodeRef inode;
    uint64_t version = 0;
    bool changed = false;
  };

  static constexpr uint64_t kRootObject = 1;
  static constexpr size_t kMemory = 12000, kLittleMemory = 2500;
  static constexpr size_t kAbsentNames = 100;
  static constexpr size_t kManyNames = 1 << 16;

  const Room room_;
  std::map<uint64_t, Names> truth_;
  uint64_t next_object_ = kRootObject + 1;
  // As engine/tree/tree.h has them.
  struct Tree {
    explicit Tree(size_t names) : dentries(names) {}
    DentryCache dentries;
    InodeTable inodes{dentries};
    LayerSetTable layer_sets;
    ListingClock listings;
  } tree_;
  InodeRef root_;
  std::map<NodeId, uint64_t> objects_;  // of every node that there ever was
  std::map<uint64_t, NodeId> latest_;   // the node that an object had last
  std::map<NodeId, uint64_t> held_;     // by the client
  std::vector<Load> loads_;
  std::vector<Reading> readings_;
  std::vector<View> views_;
  std::vector<AttrLook> looks_;
  std::vector<NodeId> nameless_;                              // held as well
  std::set<NodeId> given_;                                    // numbers of nameless ones, each given once
  std::map<NodeId, uint64_t> sizes_;                          // what attributes say
  std::set<uint64_t> moved_;                                  // directories that a hand has moved
  std::map<std::pair<NodeId, Cookie>, std::string> cookies_;  // whose they were (D6)
};

}  // namespace plyfs

#endif  // PLYFS_FUZZ_TREE_WORLD_H_
