// Inode: one object of the merged tree, from its first lookup until the client has forgotten it and nothing
// in the engine refers to it any more.
//
// Owned by its references (InodeRef, counted); the client's lookups hold one of them together.  Any thread.
// Its nodeid never changes: not by copy-up, rename or a change of layers, since locks, inotify and the page
// cache hang on it.
//
// State word (CopyState), one setter, only these arrows:
//   kLower -> kUpper   once the copy stands under its name in upper (MarkUpper), or
//   created as kUpper; nothing leaves kUpper.
// That a copy is under way is not a state of the inode: ops/exclusion.h keeps who does it.
#ifndef PLYFS_ENGINE_TREE_INODE_H_
#define PLYFS_ENGINE_TREE_INODE_H_

#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "engine/base/ids.h"
#include "engine/base/tiny_mutex.h"
#include "engine/format/anchor.h"
#include "engine/format/attr.h"
#include "engine/format/protattr.h"
#include "engine/tree/layer_set.h"
#include "engine/tree/merged_dir.h"

namespace plyfs {

class Inode;
class InodeTable;

// A counted reference to an Inode; null or alive.
class InodeRef {
 public:
  InodeRef() = default;
  InodeRef(const InodeRef& other);
  InodeRef(InodeRef&& other) noexcept : inode_(std::exchange(other.inode_, nullptr)) {}
  InodeRef& operator=(InodeRef other) noexcept {
    std::swap(inode_, other.inode_);
    return *this;
  }
  ~InodeRef();

  Inode* get() const { return inode_; }
  Inode& operator*() const { return *inode_; }
  Inode* operator->() const { return inode_; }
  explicit operator bool() const { return inode_ != nullptr; }
  friend bool operator==(const InodeRef& a, const InodeRef& b) { return a.inode_ == b.inode_; }

 private:
  friend class InodeTable;
  explicit InodeRef(Inode* adopted) : inode_(adopted) {}
  Inode* inode_ = nullptr;
};

// The lower members of a directory, topmost first.  Members share a path unless a redirect above them changed
// it, so paths are kept as runs.
struct DirLowers {
  struct Run {
    size_t first;  // index into layers->layers() of the first member with this path
    LowerPath path;
  };
  LayerSetRef layers;  // null: no lower member
  absl::InlinedVector<Run, 1> runs;
  ObjectId top;  // what the topmost is

  size_t size() const { return layers ? layers->size() : 0; }
  bool empty() const { return size() == 0; }
  LayerId layer(size_t i) const { return layers->layers()[i]; }
  const LowerPath& path(size_t i) const;
};
bool SameLowers(const DirLowers& a, const DirLowers& b);

// One name of an object.
struct InodeName {
  InodeRef parent;
  std::string name;
};

// What an inode is made from.
struct InodeInit {
  uint32_t type = 0;        // S_IFMT bits
  uint64_t st_ino = 0;      // the merged tree's number, for life
  ObjectId upper;           // known: there is an upper object
  LowerAnchor lower;        // non-directories: where the lower object is, if it is (or was) the visible one
  LowerAnchor data;         // the file that holds the data of a metacopy file (L16, L20)
  bool pure_upper = false;  // directories: nothing below can join (opaque, or nothing there)
  DirLowers lowers;         // directories
};

class Inode {
 public:
  // Constant.
  NodeId id() const { return id_; }
  uint32_t type() const { return uint32_t{format_} << kFormatShift; }
  bool is_dir() const { return type() == S_IFDIR; }
  bool is_regular() const { return type() == S_IFREG; }
  // The merged tree's number: for life, but for a lower file with several links, whose copy is a file of its
  // own (S6).
  uint64_t st_ino() const { return st_ino_.load(std::memory_order_relaxed); }

  bool is_upper() const { return upper_known_.load(std::memory_order_acquire); }
  // The upper object; !known() while it is lower.
  ObjectId upper() const;
  // The lower object (non-directories); stays what it was after copy-up.
  LowerAnchor lower() const;
  LowerAnchor data() const;
  // The copy stands in upper, with its data.  Once in an inode's life.
  void MarkUpper(const ObjectId& upper);
  void SetIno(uint64_t st_ino) { st_ino_.store(st_ino, std::memory_order_relaxed); }

  // Names: parent and name of each name the engine knows of this object, the latest first.
  std::optional<InodeName> AnyName() const;
  // Its parent; null where it has no name.
  InodeRef Parent() const;
  std::vector<InodeName> Names() const;
  bool HasName(const Inode& parent, std::string_view name) const;
  // The name as it is kept here, to be shared; empty where it has it not.
  LowerPath SpellingOf(const Inode& parent, std::string_view name) const;
  size_t name_count() const;
  void AddName(InodeRef parent, std::string_view name);
  // Returns how many are left.
  size_t RemoveName(const Inode& parent, std::string_view name);
  // Removes the name for good; true if it was the last: the object is unlinked then, in the same step, so
  // that a name found meanwhile is never lost with it.
  bool LoseName(const Inode& parent, std::string_view name);

  // The last name is gone from the tree, the object lives on for who holds it open (N19).  A name that it is
  // given again ends that (linkat of O_TMPFILE, N18; one that a hand has moved).
  bool unlinked() const { return unlinked_.load(std::memory_order_acquire); }
  void MarkUnlinked() { unlinked_.store(true, std::memory_order_release); }

  // Directories only.
  DirLowers lowers() const;
  bool merged() const;  // has a lower member
  void SetLowers(DirLowers lowers);
  // Those of the lower members' layers whose copies hold anything, where that is known for as long as the
  // members are these.  Null: any may.
  LayerSetRef filled() const;
  void SetFilled(LayerSetRef layers);
  // The listing, or null when it was not loaded or was dropped.
  std::shared_ptr<MergedDir> listing() const;
  // Publishes `made` unless the listing's version moved on since `version` (a change was published while the
  // directory was being read); false then, and the caller reads again.
  bool PublishListing(std::shared_ptr<MergedDir> made, uint64_t version);
  uint64_t listing_version() const;
  void DropListing();
  // Whether it was used since the last TakeListingUse (ListingClock).
  void NoteListingUse() {
    if (!is_dir()) return;
    std::atomic<bool>& used = dir_words().listing_used;
    if (!used.load(std::memory_order_relaxed)) used.store(true, std::memory_order_relaxed);
  }
  bool TakeListingUse() { return dir_words().listing_used.exchange(false, std::memory_order_relaxed); }
  // A change by hand of what it lists was told at that time (seconds of CLOCK_MONOTONIC, 0: never).
  void NoteChangedByHand(uint32_t now_s);
  uint32_t changed_by_hand_s() const;
  // Rent or buy (design.md, walk 2): what it has cost so far to ask the layers for this directory's names one
  // by one, in layers asked.  Once it reaches the price of reading the directory whole, RentIsDue tells one
  // caller so, and the account starts anew.
  void PayRent(uint64_t layers_asked);
  // A layer.  To read a directory in one costs as much as asking it for about four names; but who has asked
  // for two mostly goes on.
  static constexpr uint64_t kPriceOfReading = 2;
  // `whatever_it_costs`: as soon as there is no listing, until it was too dear once.
  bool RentIsDue(bool whatever_it_costs, uint64_t* price);
  // It was too dear at that price.
  void RaisePrice();
  // So many layers hold it, and so little has been asked of them yet, that watching them all does not pay.
  bool AskedLittle() const;
  // The first cookie that a listing made now may give out: above all earlier ones.
  Cookie next_cookie() const;
  // A listing that was not published has given out those below `next`.
  void ReserveCookies(Cookie next);
  // Applies a change to the listing, if there is one, and moves the version on.
  template <typename Change>
  void ChangeListing(Change change) {
    std::shared_ptr<MergedDir> current;
    {
      TinyLock lock(mu_);
      ++dir().version;
      current = dir().listing;
    }
    if (current) change(*current);
  }

  // Watching (U2).  The word says whether changes made by hand in any of the directory's copies will be told,
  // and moves on with every change of that; what was read of the layers is kept only if the word said watched
  // before and is the same after.
  // kButStores: like kWatched, but of stores into its files only when their writers close them.
  enum class Watch : uint8_t { kNot = 0, kWatched = 1, kCannot = 2, kButStores = 3 };
  // Of what is no directory, which a client may name as one: never watched.
  uint32_t watch_word() const { return is_dir() ? dir_words().watch.load(std::memory_order_acquire) : 0; }
  static Watch WatchOf(uint32_t word) { return static_cast<Watch>(word & 3); }
  // Whether changes of names, records and of what is no regular file are told.
  static bool Tells(uint32_t word) {
    return WatchOf(word) == Watch::kWatched || WatchOf(word) == Watch::kButStores;
  }
  bool watched() const { return Tells(watch_word()); }
  // Directories: as a lookup saw the copies, with the parent watched as its word then said; 0, 0: not known.
  // What was seen holds as long as both are the same (Coherence::SameCopies).
  struct SeenCopies {
    uint64_t digest = 0;
    uint32_t parent_word = 0;
    bool no_xwhiteouts = false;  // no lower copy but the lowest has opaque=x
    friend bool operator==(const SeenCopies&, const SeenCopies&) = default;
  };
  SeenCopies seen_copies() const;
  void SetSeenCopies(const SeenCopies& seen);
  // False: the word is not `before` any more.
  bool SetWatch(uint32_t before, Watch state) {
    return is_dir() && dir_words().watch.compare_exchange_strong(
                           before, (before & ~3u) | static_cast<uint32_t>(state), std::memory_order_acq_rel);
  }
  // Its copies are others now, or the watches are gone.  No effect where layers are promised not to change.
  void ResetWatch();
  // Whether every directory that holds a name of the object is watched, and a digest of their words.  For its
  // attributes: and the object itself, if it is a directory; and its stores are told, if it is a regular
  // file.
  struct Watching {
    bool all = true;
    uint64_t digest = 0;
    friend bool operator==(const Watching&, const Watching&) = default;
  };
  Watching NamesWatching() const;
  Watching AttrWatching() const;

  // Attributes, as cached.  A change of the object calls DropAttr before it is acknowledged; StoreAttr keeps
  // nothing, and says so, if one was called since attr_version was read.
  std::optional<Attr> CachedAttr() const;
  uint64_t attr_version() const { return attr_version_.load(std::memory_order_acquire); }
  bool StoreAttr(uint64_t version, const Attr& attr);
  void DropAttr();
  // For want of room: nothing has changed.  Spares them once if they were used since it was last called.
  void EvictAttr();
  // After a write: attributes are others, what else is known is not.  (A write removes a capability.)
  void DropAttrOfWritten();

  // Also known, with the attributes' version and dropped like them: where a symlink leads, the names of the
  // object's xattrs as its layer stores them, each ended by NUL, and that it has no security.capability.
  std::optional<std::string> CachedTarget() const;
  void StoreTarget(uint64_t version, std::string_view target);
  std::optional<std::string> CachedXattrNames() const;
  void StoreXattrNames(uint64_t version, std::string_view names);
  bool LacksCapability() const;
  void StoreLacksCapability(uint64_t version);

  // What the client's pages of a regular file were read from: size and time of modification, hashed.  0:
  // unknown.
  uint64_t data_stamp() const;
  void SetDataStamp(uint64_t stamp);

  // File flags that forbid changes (format/protattr.h), kUnknownProtection until they were read.
  static constexpr uint32_t kUnknownProtection = ~0u;
  uint32_t protection() const {
    const uint8_t flags = protection_.load(std::memory_order_relaxed);
    return flags == kProtectionNotRead ? kUnknownProtection : flags;
  }
  void SetProtection(uint32_t flags) {
    protection_.store(
        flags == kUnknownProtection ? kProtectionNotRead : static_cast<uint8_t>(flags & kProtectFlags),
        std::memory_order_relaxed);
  }

  // The thread that removed the file's capability last, once: the client does so before a write
  // (set_attr.cc).  0 is any thread outside our pid namespace, kNobody none.
  static constexpr int32_t kNobody = -1;
  void NoteCapabilityRemoved(int32_t thread);
  int32_t TakeCapabilityRemoved();

  // What keeps a nameless object alive on disk (ops/orphan.h); dropped with the inode.
  std::shared_ptr<const void> keeper() const;
  void SetKeeper(std::shared_ptr<const void> keeper);

  // Open handles of this object, for whoever decides whether an object without a name must be kept.
  void AddOpen() { Count(1, 0); }
  void RemoveOpen() { Count(-1, 0); }
  // Those among them that may write.
  void AddWriter() { Count(0, 1); }
  void RemoveWriter() { Count(0, -1); }
  uint32_t writers() const;
  uint32_t opens() const;
  // What does not fit its 32 bits is more than any number: such an inode stays until the end.
  uint64_t lookups() const {
    const uint32_t count = lookups_.load(std::memory_order_relaxed);
    return count == kManyLookups ? ~uint64_t{0} : count;
  }

 private:
  friend class InodeTable;
  friend class InodeRef;
  static constexpr uint32_t kManyLookups = ~uint32_t{0};
  static constexpr uint8_t kProtectionNotRead = 0xff;
  static constexpr unsigned kFormatShift = 12;
  // A name; that of a lower object is mostly the end of its path.
  struct Link {
    InodeRef parent;
    LowerPath name;  // its end
    bool Is(const Inode& of, std::string_view as) const { return parent.get() == &of && name.last() == as; }
  };
  // There are millions of inodes: what only some have stands in parts of its own, made when it is needed.
  struct Extra {
    std::optional<std::string> target;
    std::optional<std::string> xattr_names;
  };
  struct Odd {
    LowerAnchor data;  // metacopy files (L16, L20)
    ObjectId object;   // where ObjectAt says so
    std::shared_ptr<const void> keeper;
    int32_t capability_removed_by = kNobody;
    bool nothing() const {
      return !data.exists() && !object.known() && !keeper && capability_removed_by == kNobody;
    }
  };
  struct Below {
    ObjectId copied;  // the lower object of a file that is upper now
    LowerPath path;   // where PathAt says so
    std::unique_ptr<Odd> odd;
    bool nothing() const { return !copied.known() && path.is_root() && !odd; }
  };
  struct Rare {
    uint64_t data_stamp = 0;
    uint32_t opens = 0;
    uint32_t writers = 0;
    std::unique_ptr<Extra> extra;
    std::unique_ptr<Below> below;
    std::unique_ptr<std::vector<Link>> links;  // names but the latest, latest first; not empty
    bool nothing() const {
      return data_stamp == 0 && opens == 0 && writers == 0 && !extra && !below && !links;
    }
  };
  struct DirPart : Rare {
    std::atomic<uint32_t> watch;
    std::atomic<bool> listing_used{false};
    DirLowers lowers;
    LayerSetRef filled;
    std::shared_ptr<MergedDir> listing;
    uint64_t version = 0;
    Cookie next_cookie = 0;
    SeenCopies seen;
    uint64_t rent = 0;
    unsigned price_shift = 0;
    uint32_t changed_by_hand_s = 0;
  };
  // What the inode is known by, in terms of dev_, ino_ and birth_.
  enum class KnownBy : uint8_t {
    kNothing,
    kObject,  // these
    kPlace,   // with a device that there is not and the birth changed by salt_ (engine/ops/resolve.cc)
  };
  static constexpr uint64_t kNoDevice = uint64_t{1} << 63;
  enum ObjectAt : uint8_t { kObjectNowhere, kObjectHere, kObjectBelow };
  enum PathAt : uint8_t { kPathNowhere, kPathIsName, kPathBelow };

  Inode(InodeTable& table, NodeId id, InodeInit init);
  ~Inode();
  InodeTable& table() const;
  DirPart& dir() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (!is_dir()) EndAsNoDirectory();
    return *static_cast<DirPart*>(rare_);
  }
  // Its atomics; where it is never changes.
  DirPart& dir_words() const ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (!is_dir()) EndAsNoDirectory();
    return *static_cast<DirPart*>(rare_);
  }
  // Release builds too: a file's part is shorter, and what stands behind it is another's.
  [[noreturn]] static void EndAsNoDirectory();
  Watching WatchingOfNames(bool stores) const;
  void MarkLinked() { unlinked_.store(false, std::memory_order_release); }
  // Directories have one name (InodeTable::NameDirectory).  Gives what it had, for who holds a lock: to drop
  // a parent may free it.
  std::vector<InodeName> SetOnlyName(InodeRef parent, std::string_view name);
  std::optional<InodeName> TakeOnlyName();
  template <typename See>
  void EachLink(See see) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  size_t LinkCount() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool Has(const Inode& parent, std::string_view name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  LowerPath Spelling(const Inode& parent, std::string_view name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Link TakeLink(const Inode& parent, std::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Link TakeLatestLink() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SetLatestLink(Link link) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Link LinkOf(InodeRef parent, std::string_view name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static InodeName NameOf(const Link& link) { return {link.parent, std::string(link.name.last())}; }
  const LowerPath& Path() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ObjectId Object() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SetObject(const ObjectId& object) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Rare& MakeRare() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Below& MakeBelow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Below* below() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return rare_ ? rare_->below.get() : nullptr; }
  Extra* extra() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return rare_ ? rare_->extra.get() : nullptr; }
  Odd& MakeOdd() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Odd* odd() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return below() ? below()->odd.get() : nullptr; }
  // Lets go of what holds nothing any more.
  void Tidy() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  template <typename T>
  T OfRare(T Rare::* member) const;
  void Count(int opens, int writers);
  void FreeAttr() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Null: something has changed since `version`.
  Extra* ExtraOf(uint64_t version) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DropExtra() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // By what object InodeTable knows it.  It changes under mu_ and the lock of the table's shard in which it
  // is or will be, so either is enough to read it.
  ObjectId Identity() const ABSL_NO_THREAD_SAFETY_ANALYSIS;
  ObjectId LockedIdentity() const {
    TinyLock lock(mu_);
    return Identity();
  }
  void SetIdentity(const ObjectId& object) {
    TinyLock lock(mu_);
    BecomeKnownAs(object);
  }
  void BecomeKnownAs(const ObjectId& object) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // False: it has one.
  bool TakeIdentity(const ObjectId& object);

  const NodeId id_;
  std::atomic<uint64_t> st_ino_;
  std::atomic<uint32_t> lookups_{0};  // changed by InodeTable under its shard's lock
  std::atomic<uint32_t> attr_version_{0};
  std::atomic<uint32_t> refs_{1};
  mutable TinyMutex mu_;
  std::atomic<uint8_t> protection_{kProtectionNotRead};
  const uint8_t format_;  // constant; of S_IFMT the bits that are used
  std::atomic<bool> upper_known_{false};
  std::atomic<bool> unlinked_{false};
  KnownBy known_by_ = KnownBy::kNothing;                     // as Identity says
  mutable bool attr_used_ : 1 ABSL_GUARDED_BY(mu_) = false;  // since EvictAttr
  bool lacks_capability_ : 1 ABSL_GUARDED_BY(mu_) = false;
  uint8_t object_at_ : 2 ABSL_GUARDED_BY(mu_) = kObjectNowhere;
  uint8_t path_at_ : 2 ABSL_GUARDED_BY(mu_) = kPathNowhere;
  LayerId layer_ ABSL_GUARDED_BY(mu_) = kUpper;  // files: where the lower object is or was, kUpper: nowhere
  // An ObjectId: while the inode is known by something, what that was made from.  Mostly it is the object as
  // well: the upper one, once there is one, else the lower one of a file.
  uint32_t dev_ = 0;  // the kernel's device numbers have 32 bits
  uint64_t ino_ = 0;
  uint64_t birth_ = 0;
  uint64_t salt_ = 0;                     // as KnownBy says
  InodeRef parent_ ABSL_GUARDED_BY(mu_);  // of the latest name; null: it has none
  LowerPath name_ ABSL_GUARDED_BY(mu_);   // the latest name, its end; or only the path of the lower object
  std::unique_ptr<Attr> attr_ ABSL_GUARDED_BY(mu_);
  Rare* rare_ ABSL_GUARDED_BY(mu_) = nullptr;  // a DirPart for a directory, for files only what is needed
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_TREE_INODE_H_
