#include "engine/tree/layer_set.h"

#include <gtest/gtest.h>

namespace plyfs {
namespace {

TEST(LayerSet, EqualSetsAreOneObject) {
  LayerSetTable table;
  LayerSetRef a = table.Intern({0, 3, 7});
  LayerSetRef b = table.Intern({0, 3, 7});
  LayerSetRef c = table.Intern({0, 3});
  EXPECT_EQ(a.get(), b.get());
  EXPECT_NE(a.get(), c.get());
}

TEST(LayerSet, DroppedSetsDoNotPileUp) {
  LayerSetTable table;
  for (int i = 0; i < 100000; ++i) table.Intern({i});
  EXPECT_LT(table.size(), 5000u);
}

}  // namespace
}  // namespace plyfs
