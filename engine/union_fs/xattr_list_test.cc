// Listing xattrs: what is asked of the client's room.
#include "engine/testing/union_fixture.h"

namespace plyfs {
namespace {

class XattrListTest : public UnionFixture {};

// rules: A6
TEST_F(XattrListTest, RoomIsNeededForHiddenNamesToo) {
  Put("b/f", "data");
  Mount();
  ASSERT_EQ(Chmod("f", 0600), 0);
  ASSERT_EQ(SetXattr("f", "user.a", "1"), 0);
  NodeId f = Walk("f");
  const size_t shown = sizeof "user.a", hidden = sizeof "trusted.overlay.origin";
  EXPECT_EQ(fs_->ListXattr(me_, f, 0)->size(), shown + hidden);
  EXPECT_EQ(fs_->ListXattr(me_, f, shown + hidden).value_or("?"), std::string("user.a\0", shown));
  EXPECT_EQ(fs_->ListXattr(me_, f, shown + hidden - 1).error(), ERANGE);
}

}  // namespace
}  // namespace plyfs
