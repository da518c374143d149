// TempDir: an empty directory that a test makes and that goes with it; on ext4 (/tmp) or tmpfs (/dev/shm).
//
// Only for tests of engine/io.  One thread.
#ifndef PLYFS_ENGINE_IO_TEMP_DIR_FOR_TEST_H_
#define PLYFS_ENGINE_IO_TEMP_DIR_FOR_TEST_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "engine/io/sys_file.h"
#include "engine/io/sys_open.h"
#include "engine/io/unique_fd.h"

namespace plyfs {

class TempDir {
 public:
  explicit TempDir(const std::string& base = "/tmp") : path_(base + "/plyfs-io-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) ADD_FAILURE() << "mkdtemp " << path_;
    fd_.reset(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }

  UniqueFd Open(const std::string& name, int flags) const {
    auto fd = sys::OpenBeneath(fd_.get(), name.c_str(), flags, 0644);
    EXPECT_EQ(fd.error(), 0) << "open " << name;
    return fd.ok() ? *std::move(fd) : UniqueFd();
  }
  UniqueFd Write(const std::string& name, std::string_view data) const {
    UniqueFd fd = Open(name, O_RDWR | O_CREAT | O_TRUNC);
    EXPECT_EQ(sys::Pwrite(fd.get(), data.data(), data.size(), 0).value_or(0), data.size());
    return fd;
  }
  std::string Read(const std::string& name) const {
    UniqueFd fd = Open(name, O_RDONLY);
    std::string data(1 << 16, '\0');
    data.resize(sys::Pread(fd.get(), data.data(), data.size(), 0).value_or(0));
    return data;
  }

 private:
  std::string path_;
  UniqueFd fd_;
};

// A suite that runs on ext4 and on tmpfs.
class OnEachFs : public ::testing::TestWithParam<const char*> {
 protected:
  TempDir dir_{GetParam()};
};

}  // namespace plyfs

#define PLYFS_ON_EACH_FS(suite)                                              \
  INSTANTIATE_TEST_SUITE_P(Fs, suite, ::testing::Values("/tmp", "/dev/shm"), \
                           [](const auto& fs) { return std::string(fs.param) == "/tmp" ? "Tmp" : "Shm"; })

#endif  // PLYFS_ENGINE_IO_TEMP_DIR_FOR_TEST_H_
