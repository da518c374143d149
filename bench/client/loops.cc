#include "bench/client/loops.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <cerrno>
#include <cstring>
#include <map>
#include <thread>

namespace plyfs::bench {
namespace {

constexpr size_t kBuffer = 64 * 1024;

// One thread's part of a run.
struct Worker {
  std::vector<char> buffer = std::vector<char>(kBuffer);
  uint64_t ops = 0;
  uint64_t entries = 0;
  bool cut = false;
  std::string error;
};

// 0 or the errno.
using Operation = int (*)(const char* name, Worker& worker);

int Stat(const char* name, Worker&) {
  struct stat st;
  return ::fstatat(AT_FDCWD, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

int Absent(const char* name, Worker& worker) {
  const int error = Stat(name, worker);
  return error == ENOENT ? 0 : error == 0 ? EEXIST : error;
}

uint64_t CountRecords(const char* records, long size) {
  uint64_t count = 0;
  for (long at = 0; at < size; ++count) {
    uint16_t length = 0;
    std::memcpy(&length, records + at + 16, sizeof length);  // d_reclen of struct linux_dirent64
    at += length;
  }
  return count;
}

int List(const char* name, Worker& worker) {
  const int fd = ::open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  long got = 0;
  while ((got = ::syscall(SYS_getdents64, fd, worker.buffer.data(), worker.buffer.size())) > 0) {
    worker.entries += CountRecords(worker.buffer.data(), got);
  }
  const int error = got < 0 ? errno : 0;
  ::close(fd);
  return error;
}

int Read(const char* name, Worker& worker) {
  const int fd = ::open(name, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  ssize_t got = 0;
  while ((got = ::read(fd, worker.buffer.data(), worker.buffer.size())) > 0) {
  }
  const int error = got < 0 ? errno : 0;
  ::close(fd);
  return error;
}

int Create(const char* name, Worker&) {
  const int fd = ::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return errno;
  ::close(fd);
  return ::unlink(name) == 0 ? 0 : errno;
}

int Append(const char* name, Worker&) {
  const int fd = ::open(name, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = ::write(fd, "+", 1) == 1 ? 0 : errno;
  ::close(fd);
  return error;
}

Operation OperationOf(const std::string& word) {
  static const std::map<std::string, Operation> kOperations = {{"stat", Stat},     {"absent", Absent},
                                                               {"list", List},     {"read", Read},
                                                               {"create", Create}, {"append", Append}};
  const auto found = kOperations.find(word);
  return found == kOperations.end() ? nullptr : found->second;
}

// Every threads-th name, beginning with the one of this thread.
void Work(const LoopPlan& plan, Operation operation, int thread, Clock::time_point end, Worker& worker) {
  const bool limited = plan.limit.count() > 0;
  for (int pass = 0; pass < plan.passes; ++pass) {
    for (size_t i = static_cast<size_t>(thread); i < plan.names.size();
         i += static_cast<size_t>(plan.threads)) {
      if (const int error = operation(plan.names[i].c_str(), worker); error != 0) {
        worker.error = plan.names[i] + ": " + std::strerror(error);
        return;
      }
      ++worker.ops;
      if (limited && Clock::now() >= end) {
        worker.cut = true;
        return;
      }
    }
  }
}

}  // namespace

std::optional<Outcome> RunLoop(const std::string& word, const LoopPlan& plan) {
  const Operation operation = OperationOf(word);
  if (operation == nullptr) return std::nullopt;
  std::vector<Worker> workers(static_cast<size_t>(plan.threads));
  std::vector<std::thread> threads;
  Clock::time_point begin;
  std::barrier start(plan.threads, [&]() noexcept { begin = Clock::now(); });
  for (int i = 0; i < plan.threads; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      Work(plan, operation, i, begin + plan.limit, workers[static_cast<size_t>(i)]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  Outcome outcome;
  outcome.ns = static_cast<uint64_t>(std::chrono::nanoseconds(Clock::now() - begin).count());
  for (const Worker& worker : workers) {
    outcome.ops += worker.ops;
    outcome.entries += worker.entries;
    outcome.cut = outcome.cut || worker.cut;
    if (!worker.error.empty()) outcome.error = worker.error;
  }
  const uint64_t all = plan.names.size() * static_cast<uint64_t>(plan.passes);
  if (outcome.ops == all) outcome.cut = false;
  return outcome;
}

}  // namespace plyfs::bench
