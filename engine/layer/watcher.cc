#include "engine/layer/watcher.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "engine/base/log.h"

namespace plyfs {
namespace {

// Our own changes come as notices too, and with a mark on a filesystem everybody's in directories that nobody
// asked about; to wake for each costs as much as the change.  Changes that matter are seen that much later at
// most, where a second is promised (U2), and the queue holds 16384.
constexpr int kLingerMs = 5;

std::unique_ptr<NotifyGroup> OrNull(Result<std::unique_ptr<NotifyGroup>> group) {
  return group.ok() ? *std::move(group) : nullptr;
}

}  // namespace

size_t Watcher::DefaultMarks() {
  size_t granted = 8192;
  if (FILE* file = std::fopen("/proc/sys/fs/fanotify/max_user_marks", "re")) {
    if (std::fscanf(file, "%zu", &granted) != 1) granted = 8192;
    std::fclose(file);
  }
  return granted / 4 * 3;
}

Watcher::Watcher(Sink& sink, const Options& options)
    : sink_(sink),
      options_(options),
      fanotify_(options.fanotify ? OrNull(NotifyGroup::Fanotify()) : nullptr),
      inotify_(OrNull(NotifyGroup::Inotify())),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (options.fanotify && !fanotify_) Log("lower=watch: no fanotify here; using inotify where that will do");
}

Watcher::~Watcher() {
  std::thread thread;
  {
    MutexLock lock(mu_);
    stop_ = true;
    std::swap(thread, thread_);
  }
  Wake();
  if (thread.joinable()) thread.join();
}

Watcher::Outcome Watcher::Watch(NodeId node, int dir, Changes changes) {
  bool room;
  {
    MutexLock lock(mu_);
    room = marked_.size() < options_.max_marks;
    if (!thread_.joinable() && !stop_) StartThread();
  }
  if (!room) return WatchByFilesystem(node, dir);
  Result<uint64_t> key = AddMark(dir, changes);
  if (key.error() == ENOSPC || key.error() == ENOMEM) return WatchByFilesystem(node, dir);
  if (!key.ok()) return Outcome::kUnwatchable;
  // A notice that came in between is lost on nobody: the caller has not read the directory yet.
  MutexLock lock(mu_);
  Know(*key, node, &marked_);
  return Outcome::kWatched;
}

Watcher::Outcome Watcher::WatchByFilesystem(NodeId node, int dir) {
  if (!fanotify_ || !options_.filesystem_marks) return Outcome::kNoRoom;
  {
    MutexLock lock(mu_);
    if (by_filesystem_.size() >= options_.max_by_filesystem) return Outcome::kNoRoom;
  }
  // Not privileged, or a filesystem that cannot (a subvolume of btrfs, handles that cannot be decoded).
  Result<uint64_t> key = fanotify_->AddFilesystem(dir);
  if (!key.ok()) return Outcome::kNoRoom;
  MutexLock lock(mu_);
  Know(*key, node, &by_filesystem_);
  return Outcome::kByFilesystem;
}

void Watcher::Know(uint64_t key, NodeId node, Directories* directories) {
  Nodelist& nodes = (*directories)[key];
  if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) nodes.push_back(node);
}

void Watcher::Forget(uint64_t key, NodeId node, Directories* directories) {
  auto it = directories->find(key);
  if (it == directories->end()) return;
  auto at = std::find(it->second.begin(), it->second.end(), node);
  if (at != it->second.end()) it->second.erase(at);
  if (it->second.empty()) directories->erase(it);
}

Result<uint64_t> Watcher::AddMark(int dir, Changes changes) const {
  Result<uint64_t> key = Errno(ENOSYS);
  if (fanotify_) key = fanotify_->Add(dir);
  if (key.ok() || key.error() == ENOSPC) return key;
  // No handles or no id of the filesystem (ENODEV, EOPNOTSUPP; FUSE before 6.x, some network filesystems).
  if (changes == Changes::kOurs || !inotify_) return key;
  return inotify_->Add(dir);
}

void Watcher::Remove(uint64_t key, NodeId node) {
  MutexLock lock(mu_);
  Forget(key, node, &marked_);
  Forget(key, node, &by_filesystem_);
}

void Watcher::Flush() {
  std::vector<uint64_t> keys;
  {
    MutexLock lock(mu_);
    keys.reserve(marked_.size());
    for (const auto& [key, nodes] : marked_) keys.push_back(key);
    marked_.clear();
    by_filesystem_.clear();
  }
  if (fanotify_) fanotify_->Flush(keys);
  if (inotify_) inotify_->Flush(keys);
}

void Watcher::Wake() {
  uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

size_t Watcher::marks() const {
  MutexLock lock(mu_);
  return marked_.size() + by_filesystem_.size();
}

size_t Watcher::by_filesystem() const {
  MutexLock lock(mu_);
  return by_filesystem_.size();
}

std::vector<NodeId> Watcher::Nodes() const {
  std::vector<NodeId> all;
  MutexLock lock(mu_);
  all.reserve(marked_.size() + by_filesystem_.size());
  for (const Directories* directories : {&marked_, &by_filesystem_}) {
    for (const auto& [key, nodes] : *directories) all.insert(all.end(), nodes.begin(), nodes.end());
  }
  return all;
}

void Watcher::StartThread() {
  thread_ = std::thread([this] { Run(); });
}

void Watcher::Run() {
  struct pollfd fds[3] = {{wake_.get(), POLLIN, 0},
                          {fanotify_ ? fanotify_->fd() : -1, POLLIN, 0},
                          {inotify_ ? inotify_->fd() : -1, POLLIN, 0}};
  NotifyGroup* groups[3] = {nullptr, fanotify_.get(), inotify_.get()};
  while (true) {
    if (::poll(fds, 3, -1) < 0) continue;
    {
      MutexLock lock(mu_);
      if (stop_) return;
    }
    if (fds[0].revents) {
      uint64_t count;
      (void)!::read(wake_.get(), &count, sizeof count);
    }
    std::vector<Notice> notices;
    bool whole = true;
    for (int i : {1, 2}) {
      if (!fds[i].revents) continue;
      whole = groups[i]->Read([this](uint64_t key) { return IsKnown(key); }, &notices) && whole;
    }
    const bool no_news = fds[1].revents && notices.empty() && whole;
    sink_.OnEvents(EventsOf(notices), !whole);
    if (no_news) (void)::poll(fds, 1, kLingerMs);
  }
}

bool Watcher::IsKnown(uint64_t key) const {
  MutexLock lock(mu_);
  return marked_.contains(key) || by_filesystem_.contains(key);
}

std::vector<Watcher::Event> Watcher::EventsOf(const std::vector<Notice>& notices) const {
  std::vector<Event> events;
  MutexLock lock(mu_);
  for (const Notice& notice : notices) {
    for (const Directories* directories : {&marked_, &by_filesystem_}) {
      auto it = directories->find(notice.key);
      if (it == directories->end()) continue;
      for (NodeId node : it->second) {
        events.push_back(Event{node, notice.name, notice.what, notice.gone, notice.key});
      }
    }
  }
  return events;
}

}  // namespace plyfs
