#include "engine/ops/orphan.h"

#include <fcntl.h>

#include <atomic>

#include "engine/io/sys_dir.h"
#include "engine/io/sys_open.h"

namespace plyfs {
std::shared_ptr<const Orphan> Orphan::Pin(std::atomic<int>& pins, UniqueFd fd) {
  std::shared_ptr<Orphan> orphan(new Orphan);
  orphan->fd_ = std::move(fd);
  orphan->pins_ = &pins;
  pins.fetch_add(1, std::memory_order_relaxed);
  return orphan;
}

Result<std::shared_ptr<const Orphan>> Orphan::Link(WorkDir& work, int fd) {
  std::shared_ptr<Orphan> orphan(new Orphan);
  std::string name = work.TempName();
  PLY_CHECK(sys::LinkFd(fd, work.fd(), name.c_str()));
  orphan->work_ = &work;
  orphan->work_name_ = std::move(name);
  return std::shared_ptr<const Orphan>(std::move(orphan));
}

Orphan::~Orphan() {
  if (pins_) pins_->fetch_sub(1, std::memory_order_relaxed);
  if (!work_name_.empty()) work_->Discard(work_name_);
}

Result<UniqueFd> Orphan::Open(int flags) const {
  if (!work_name_.empty()) return sys::OpenBeneath(work_->fd(), work_name_.c_str(), flags);
  return sys::Reopen(fd_.get(), flags);
}

bool PinsAreSpent(const Parts& parts) {
  return parts.pins.load(std::memory_order_relaxed) >= parts.pin_budget;
}

Status KeepAlive(Parts& parts, Inode& inode, UniqueFd fd) {
  if (inode.keeper()) return OkStatus();
  if (PinsAreSpent(parts)) {
    // It is empty and stays so.  Who holds so many must not leave everybody without descriptors.
    if (inode.is_dir()) return OkStatus();
    Result<std::shared_ptr<const Orphan>> linked = Orphan::Link(*parts.work, fd.get());
    // What cannot be linked (the limit of links, no space) is pinned above the budget.
    if (linked.ok()) {
      inode.SetKeeper(*std::move(linked));
      return OkStatus();
    }
  }
  inode.SetKeeper(Orphan::Pin(parts.pins, std::move(fd)));
  return OkStatus();
}

}  // namespace plyfs
