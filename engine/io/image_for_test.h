// Image: a filesystem of a given type in a file, mounted for one test.
//
// Only for tests of engine/io, which need root for it.  One thread.
#ifndef PLYFS_ENGINE_IO_IMAGE_FOR_TEST_H_
#define PLYFS_ENGINE_IO_IMAGE_FOR_TEST_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cstdlib>
#include <string>

#include "engine/io/temp_dir_for_test.h"
#include "engine/io/unique_fd.h"

namespace plyfs {

class Image {
 public:
  Image(const TempDir& dir, const std::string& type) : point_(dir.path() + "/point") {
    std::string image = dir.path() + "/image";
    std::string make = "truncate -s 400M " + image + " && mkfs." + type + " -q " + image + " && mkdir " +
                       point_ + " && mount -o loop " + image + " " + point_;
    mounted_ = std::system((make + " >/dev/null 2>&1").c_str()) == 0;
    if (mounted_) root_.reset(::open(point_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~Image() {
    root_.reset();
    if (mounted_) {
      EXPECT_EQ(::umount2(point_.c_str(), 0), 0);
    }
  }
  bool mounted() const { return mounted_; }
  int root() const { return root_.get(); }

 private:
  std::string point_;
  bool mounted_ = false;
  UniqueFd root_;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_IO_IMAGE_FOR_TEST_H_
