#include "fuzz/meddler.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace plyfs::fuzz {

using model::Case;
using model::EngineMount;
using model::Path;
using model::Ref;
using model::ScratchStack;
using model::Step;
using model::StepKind;

namespace {

constexpr std::string_view kByHand = "by hand";

enum Meddling { kNone, kHand, kErrno };

// Those by which the engine tells what a filesystem lacks or what a hand has done, and a few that mean
// nothing to it.
constexpr int kErrnos[] = {ENOENT, EEXIST,  EOPNOTSUPP, EINVAL, ENOTEMPTY, EXDEV, ENODATA, EISDIR,
                           ENOTTY, ENOTDIR, ELOOP,      EACCES, EPERM,     EROFS, ESTALE,  EMLINK};

unsigned ByteAt(std::string_view bytes, size_t i) {
  return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u;
}

void MakeAbove(const std::string& layer, const Path& path) {
  for (size_t at = path.find('/'); at != Path::npos; at = path.find('/', at + 1)) {
    (void)::mkdir((layer + "/" + path.substr(0, at)).c_str(), 0755);
  }
}

void Remove(const std::string& at) {
  if (::unlink(at.c_str()) == 0) return;
  model::ClearDirectory(at);
  (void)::rmdir(at.c_str());
}

model::Tree TextOf(const std::string& layer) {
  plyfs::Result<Ref> now = model::ReadLayer(layer);
  return now.ok() ? model::LayerText(*now) : model::Tree();
}

}  // namespace

int AsToldTo(Op op, int error) {
  const bool of_writing = error == ENOSPC || error == EDQUOT || error == EROFS;
  return of_writing && !OpChangesDisk(op) ? EIO : error;
}

Meddler::Meddler(std::string_view bytes, const Case& c, const Step& step, const ScratchStack& stack,
                 unsigned calls)
    : stack_(stack),
      step_(step),
      // An index says what its layer held when it was written.
      upper_only_((ByteAt(bytes, 5) & 96) == 32),
      lowers_(c.lowers.size()),
      hand_(ByteAt(bytes, 4) >> 6 == kHand),
      how_(ByteAt(bytes, 0) >> 2),
      call_(1 + (calls == 0 ? ByteAt(bytes, 7) : ByteAt(bytes, 7) % calls)) {}

bool Meddler::IsAskedFor(std::string_view bytes) {
  const unsigned what = ByteAt(bytes, 4) >> 6;
  return what == kHand || what == kErrno;
}

int Meddler::Before(Op op) {
  ++seen_;
  if (!hand_) return Answer(op);
  if (seen_ == call_) ByHand();
  return 0;
}

// Once; at a change of the disk only; behind a rename that the filesystem lacks; by all calls of the kind
// from then on.
int Meddler::Answer(Op op) {
  const int error = kErrnos[how_ % 16];
  switch (how_ / 16) {
    case 0:
      return seen_ == call_ ? error : 0;
    case 1:
      if (!OpChangesDisk(op)) --seen_;
      return OpChangesDisk(op) && seen_ == call_ ? error : 0;
    case 2:
      if (op == Op::kRename && ++renames_ == 1) return EINVAL;
      return seen_ == call_ ? error : 0;
    default:
      if (seen_ == call_) answered_ = op;
      return op == answered_ ? error : 0;
  }
}

// Mostly upper.
std::string Meddler::LayerInHand() const {
  const unsigned which = how_ / 8;
  if (which < 5 || upper_only_) return stack_.upper();
  return stack_.Lower(which == 7 ? lowers_ - 1 : 0);
}

void Meddler::PutFile(const std::string& at) {
  UniqueFd fd(::open(at.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!fd.valid()) return;
  (void)!::write(fd.get(), kByHand.data(), kByHand.size());
  // Where nothing was, or before the engine could look: between its look and its act on a whiteout a file
  // that takes the whiteout's place is lost.
  if (how_ % 8 != 2 || call_ == 1) hand_made_ = std::move(fd);
}

bool Meddler::MayTakeFilesAway() const {
  switch (step_.kind) {
    case StepKind::kUnlink:
    case StepKind::kRemoveDir:
    case StepKind::kTruncate:
      return true;
    case StepKind::kRename:
      return (step_.flags & (RENAME_NOREPLACE | RENAME_EXCHANGE)) == 0;
    default:
      return step_.kind >= StepKind::kOpen;
  }
}

std::string Meddler::CheckHandMade() const {
  if (!hand_made_.valid() || MayTakeFilesAway()) return "";
  struct stat st;
  char data[16];
  const ssize_t n = ::pread(hand_made_.get(), data, sizeof data, 0);
  const bool there = ::fstat(hand_made_.get(), &st) == 0 && st.st_nlink > 0 && n >= 0 &&
                     std::string_view(data, static_cast<size_t>(n)) == kByHand;
  return there ? "" : "what a hand has put into upper is gone (U3)";
}

void Meddler::ByHand() {
  const unsigned which = how_ / 8;
  const bool other = which == 1 || which == 3 || which == 6;
  Path path = other ? step_.path2 : step_.path;
  if (which == 2 || which == 3) path = model::SplitPath(path).first;
  const std::string layer = LayerInHand(), at = layer + "/" + path;
  if (path.empty()) return;
  MakeAbove(layer, path);
  switch (how_ % 8) {
    case 0:
      PutFile(at);
      break;
    case 1:
      Remove(at);
      break;
    case 2:
      Remove(at);
      PutFile(at);
      break;
    case 3:
      Remove(at);
      (void)::mkdir(at.c_str(), 0750);
      break;
    case 4:
      Remove(at);
      (void)::mknod(at.c_str(), S_IFCHR, makedev(0, 0));
      break;
    case 5:
      (void)::rename(at.c_str(), (layer + "/moved").c_str());
      break;
    case 6:
      PutFile(at + "/new");
      break;
    default:
      (void)::link((layer + "/" + (other ? step_.path : step_.path2)).c_str(), at.c_str());
      (void)::chmod(at.c_str(), 0711);
      break;
  }
  if (layer != stack_.upper()) changed_[layer] = TextOf(layer);
}

std::string Meddler::CheckLeft(const Case& c, EngineMount& mount) const {
  std::vector<Ref> lowers;
  for (size_t i = 0; i < c.lowers.size(); ++i) {
    plyfs::Result<Ref> lower = model::ReadLayer(stack_.Lower(i));
    if (!lower.ok()) return "a lower layer cannot be read";
    auto by_hand = changed_.find(stack_.Lower(i));
    const model::Tree expected = by_hand == changed_.end() ? model::LayerText(c.lowers[i]) : by_hand->second;
    const std::string difference = model::Difference(expected, model::LayerText(*lower));
    if (!difference.empty()) return "a lower layer was changed: " + difference;
    lowers.push_back(*lower);
  }
  // Marks by which listings tell numbers (D11) may be lost: it believes nothing.
  mount.HasManyClients();
  if (!mount.Mount().ok()) return "the layers cannot be mounted again";
  if (std::string left = stack_.LeftInWork(); !left.empty()) return "left in work by a mount: " + left;
  plyfs::Result<Ref> upper = c.upper ? model::ReadLayer(stack_.upper()) : plyfs::Result<Ref>(nullptr);
  if (!upper.ok()) return "upper cannot be read";
  model::Model model(c.options, lowers, *upper);
  model::EngineClient fresh(mount);
  const std::string difference = model::Difference(model::SeeTree(model, model::Ghosts::kShow),
                                                   model::SeeTree(fresh, model::Ghosts::kShow));
  return difference.empty() ? "" : "a fresh mount shows of the layers " + difference;
}

}  // namespace plyfs::fuzz
