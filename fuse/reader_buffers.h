// ReaderBuffers: where one reader's requests arrive and where its replies are made.
//
// Owned by one reader.  Placed so that the data of WRITE and the body of every reply start on a page: the
// engine can then pass them to descriptors opened with O_DIRECT as they are (F7).
#ifndef PLYFS_FUSE_READER_BUFFERS_H_
#define PLYFS_FUSE_READER_BUFFERS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/result.h"

namespace plyfs::fuse {

class ReaderBuffers {
 public:
  // For READs and WRITEs of up to `max_write` bytes.  Memory is taken page by page as it is used.
  static Result<ReaderBuffers> Make(uint32_t max_write);
  ReaderBuffers(ReaderBuffers&& other) noexcept;
  ReaderBuffers& operator=(ReaderBuffers&&) = delete;
  ~ReaderBuffers();

  std::span<char> request() const { return request_; }
  // The reply's body; whole_reply() are the same bytes with the header's room in front.
  std::span<char> body() const { return body_; }
  std::span<char> whole_reply(size_t body_size) const;

 private:
  ReaderBuffers(char* base, size_t size, uint32_t max_write);

  char* base_;
  size_t size_;
  std::span<char> request_, body_;
};

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_READER_BUFFERS_H_
