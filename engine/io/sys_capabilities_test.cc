#include "engine/io/sys_capabilities.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>

#include <array>
#include <thread>

#include "engine/io/privilege_for_test.h"
#include "engine/io/sys_creds.h"

namespace plyfs::sys {
namespace {

// Each on a thread of its own, so that the others keep theirs.
template <typename F>
void OnOwnThread(F body) {
  std::thread(body).join();
}

TEST(CapabilitiesTest, OnlyWhatIsKept) {
  if (!FullyPrivileged()) GTEST_SKIP() << "needs root";
  OnOwnThread([] {
    ASSERT_TRUE(KeepOnlyCapabilities(std::array{CAP_MKNOD, CAP_SYS_ADMIN}).ok());
    EXPECT_TRUE(HasCapability(CAP_MKNOD));
    EXPECT_TRUE(HasCapability(CAP_SYS_ADMIN));
    EXPECT_FALSE(HasCapability(CAP_CHOWN));
    EXPECT_FALSE(HasCapability(CAP_SETPCAP));
    EXPECT_EQ(::prctl(PR_CAPBSET_READ, CAP_CHOWN), 0);
    EXPECT_EQ(::prctl(PR_CAPBSET_READ, CAP_MKNOD), 1);
    EXPECT_NE(::prctl(PR_GET_SECUREBITS) & SECBIT_NOROOT_LOCKED, 0);
    // A thread of it has no more, and needs no right to keep them across fsuids.
    OnOwnThread([] {
      EXPECT_FALSE(HasCapability(CAP_CHOWN));
      EXPECT_TRUE(KeepCapabilitiesAcrossFsIds().ok());
    });
  });
}

}  // namespace
}  // namespace plyfs::sys
