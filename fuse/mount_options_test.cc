#include "fuse/mount_options.h"

#include <sys/mount.h>

#include "gtest/gtest.h"

namespace plyfs::fuse {
namespace {

TEST(MountOptions, KernelText) {
  MountSpec spec;
  EXPECT_EQ(KernelOptions(spec, 5, 0, 0), "fd=5,rootmode=40000,user_id=0,group_id=0,default_permissions");
  spec.default_permissions = false;
  spec.allow_other = true;
  spec.max_read = 4096;
  spec.selinux_context = "a:b:c:s0:c1,c2";
  EXPECT_EQ(KernelOptions(spec, 5, 7, 8),
            "fd=5,rootmode=40000,user_id=7,group_id=8,allow_other,max_read=4096,context=\"a:b:c:s0:c1,c2\"");
}

TEST(MountOptions, FusermountText) {
  MountSpec spec;
  spec.source = "a,b\\c";
  spec.subtype = "plyfs";
  EXPECT_EQ(FusermountOptions(spec), "rw,default_permissions,fsname=a\\,b\\\\c,subtype=plyfs");
  spec.ms_flags = MS_RDONLY | MS_NOATIME | MS_NODEV | MS_NOSUID;
  spec.allow_other = true;
  spec.auto_unmount = true;
  spec.source = "overlay";
  EXPECT_EQ(
      FusermountOptions(spec),
      "ro,nodev,nosuid,noatime,allow_other,default_permissions,auto_unmount,fsname=overlay,subtype=plyfs");
}

TEST(MountOptions, DescriptorPaths) {
  EXPECT_EQ(MountedDescriptor("/dev/fd/0"), 0);
  EXPECT_EQ(MountedDescriptor("/dev/fd/123"), 123);
  for (const char* other :
       {"/dev/fd/", "/dev/fd/x", "/dev/fd/1x", "/dev/fd/-1", "/dev/fd/99999999999", "/mnt", "/dev/fd", ""}) {
    EXPECT_FALSE(MountedDescriptor(other).has_value()) << other;
  }
}

}  // namespace
}  // namespace plyfs::fuse
