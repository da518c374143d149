#include "engine/io/copy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "engine/io/copy_ring.h"
#include "engine/io/sys_file.h"
#include "engine/io/sys_stat.h"

namespace plyfs {
namespace {

// How much one call of copy_file_range is asked for: how long a cancelled copy may go on.
constexpr size_t kRangeChunk = 8 << 20;
constexpr size_t kBufferSize = 256 << 10;
// Shorter extents gain nothing from overlapping.
constexpr uint64_t kWorthPipelining = 4 * kBufferSize;

// Errors that say what the filesystem or the descriptors are, not what happened to them: try another means.
bool MeansNotHere(int error) {
  switch (error) {
    case EXDEV:
    case EINVAL:
    case EOPNOTSUPP:
    case ENOSYS:
    case ENOTTY:
    case EPERM:
    case EACCES:
    case ETXTBSY:
      return true;
    default:
      return false;
  }
}

class Copy {
 public:
  Copy(int from, int to, uint64_t size, const CopyOptions& options)
      : from_(from), to_(to), size_(size), options_(options), use_range_(options.copy_file_range) {}

  Result<uint64_t> Run();

 private:
  bool Cancelled() const { return options_.cancelled && options_.cancelled(); }

  // The next stretch of data at or after `at`; empty: there is none before the end.
  struct Extent {
    uint64_t start = 0;
    uint64_t end = 0;
  };
  Result<Extent> NextData(uint64_t at);
  // These copy [at, end) and give where they stopped: before `end` only where the source ended.
  Result<uint64_t> CopyExtent(uint64_t at, uint64_t end);
  Result<uint64_t> CopyByRange(uint64_t at, uint64_t end);
  Result<uint64_t> CopyByBuffer(uint64_t at, uint64_t end);

  const int from_;
  const int to_;
  uint64_t size_;
  const CopyOptions& options_;
  bool use_range_;
  bool seeks_data_ = true;
  std::unique_ptr<char[]> buffer_;
};

Result<Copy::Extent> Copy::NextData(uint64_t at) {
  if (seeks_data_) {
    Result<uint64_t> data = sys::Lseek(from_, static_cast<int64_t>(at), SEEK_DATA);
    if (data.ok()) {
      if (*data >= size_) return Extent{size_, size_};
      PLY_TRY(uint64_t hole, sys::Lseek(from_, static_cast<int64_t>(*data), SEEK_HOLE));
      return Extent{*data, std::min(hole, size_)};
    }
    if (data.error() == ENXIO) return Extent{size_, size_};
    if (!MeansNotHere(data.error())) return data.status();
    seeks_data_ = false;
  }
  return Extent{at, size_};
}

Result<uint64_t> Copy::CopyByRange(uint64_t at, uint64_t end) {
  while (at < end) {
    if (Cancelled()) return Errno(EINTR);
    size_t chunk = std::min<uint64_t>(end - at, kRangeChunk);
    Result<size_t> copied = sys::CopyFileRange(from_, at, to_, at, chunk);
    if (!copied.ok()) {
      if (!MeansNotHere(copied.error())) return copied.status();
      use_range_ = false;
      break;
    }
    // The end, or a file whose size says nothing of what can be read (procfs): reading decides.
    if (*copied == 0) break;
    at += *copied;
  }
  return at;
}

Result<uint64_t> Copy::CopyByBuffer(uint64_t at, uint64_t end) {
  if (buffer_ == nullptr) buffer_.reset(new char[kBufferSize]);
  while (at < end) {
    if (Cancelled()) return Errno(EINTR);
    size_t chunk = std::min<uint64_t>(end - at, kBufferSize);
    PLY_TRY(size_t got, sys::Pread(from_, buffer_.get(), chunk, at));
    if (got == 0) break;
    PLY_TRY(size_t put, sys::Pwrite(to_, buffer_.get(), got, at));
    // What could not be written is read and written again, and then gives its error.
    at += put;
  }
  return at;
}

Result<uint64_t> Copy::CopyExtent(uint64_t at, uint64_t end) {
  if (use_range_) {
    PLY_TRY(at, CopyByRange(at, end));
  }
  if (end - at >= kWorthPipelining && options_.rings != nullptr) {
    if (RingLease ring = options_.rings->Checkout()) {
      Result<uint64_t> stopped = RingCopy(*ring, from_, to_, options_.cancelled).Run(at, end);
      // A ring that broke says nothing of the files.
      if (!ring->broken()) return stopped;
    }
  }
  return CopyByBuffer(at, end);
}

Result<uint64_t> Copy::Run() {
  uint64_t at = 0;
  while (at < size_) {
    if (Cancelled()) return Errno(EINTR);
    PLY_TRY(Extent data, NextData(at));
    if (data.start == data.end) {
      // No more data: a hole up to the end, or the file has been cut.
      PLY_TRY(auto now, sys::StatxFd(from_, STATX_SIZE));
      size_ = std::min<uint64_t>(size_, now.stx_size);
      PLY_CHECK(sys::Ftruncate(to_, size_));
      break;
    }
    PLY_TRY(at, CopyExtent(data.start, data.end));
    if (at < data.end) size_ = at;
  }
  return size_;
}

}  // namespace

Result<uint64_t> CopyData(int from, int to, uint64_t size, const CopyOptions& options) {
  if (options.clone && size > 0) {
    // Whatever the reason it cannot: copying will tell, and if the disk is full or broken say so better.
    if (sys::FiClone(from, to).ok()) {
      PLY_TRY(auto st, sys::StatxFd(to, STATX_SIZE));
      return st.stx_size;
    }
  }
  return Copy(from, to, size, options).Run();
}

}  // namespace plyfs
