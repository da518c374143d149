#include "fuse/reader_buffers.h"

#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "fuse/wire.h"

namespace plyfs::fuse {
namespace {

constexpr size_t kPage = 4096;
// Room for what is not data: an xattr value of 64 KiB with its name, a listing.
constexpr uint32_t kLeastData = 128 * 1024;

size_t DataSize(uint32_t max_write) {
  return (size_t{std::max(max_write, kLeastData)} + kPage - 1) / kPage * kPage;
}

}  // namespace

// The layout: a page whose end takes the head of a request, its data; a page whose end takes the header of a
// reply, its body.
Result<ReaderBuffers> ReaderBuffers::Make(uint32_t max_write) {
  const size_t size = 2 * (kPage + DataSize(max_write));
  void* base =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return LastErrno();
  return ReaderBuffers(static_cast<char*>(base), size, max_write);
}

ReaderBuffers::ReaderBuffers(char* base, size_t size, uint32_t max_write) : base_(base), size_(size) {
  const size_t data = DataSize(max_write);
  request_ = {base + kPage - wire::kWriteDataOffset, wire::kWriteDataOffset + data};
  body_ = {base + kPage + data + kPage, data};
}

ReaderBuffers::ReaderBuffers(ReaderBuffers&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      size_(other.size_),
      request_(other.request_),
      body_(other.body_) {}

ReaderBuffers::~ReaderBuffers() {
  if (base_ != nullptr) munmap(base_, size_);
}

std::span<char> ReaderBuffers::whole_reply(size_t body_size) const {
  return {body_.data() - sizeof(wire::OutHeader), sizeof(wire::OutHeader) + body_size};
}

}  // namespace plyfs::fuse
