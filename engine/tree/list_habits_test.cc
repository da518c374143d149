#include "engine/tree/list_habits.h"

#include <gtest/gtest.h>

namespace plyfs {
namespace {

TEST(ListHabitsTest, OnlyWhoLooksAtWhatItHasListedLooks) {
  ListHabits habits;
  EXPECT_FALSE(habits.Looks(7));
  habits.NoteLookup(7, 3);
  EXPECT_FALSE(habits.Looks(7)) << "it has listed nothing";
  habits.NoteListed(7, 3);
  EXPECT_FALSE(habits.Looks(7));
  habits.NoteLookup(7, 4);
  EXPECT_FALSE(habits.Looks(7)) << "another directory";
  habits.NoteLookup(8, 3);
  EXPECT_FALSE(habits.Looks(7)) << "another thread";
  habits.NoteLookup(7, 3);
  EXPECT_TRUE(habits.Looks(7));
  EXPECT_FALSE(habits.Looks(8));
}

TEST(ListHabitsTest, WhoLooksGoesOnToUntilItsSlotIsTaken) {
  ListHabits habits;
  habits.NoteListed(7, 3);
  habits.NoteLookup(7, 3);
  habits.NoteLookup(7, 99);
  EXPECT_TRUE(habits.Looks(7));
  habits.NoteListed(7 + 512, 3);
  EXPECT_FALSE(habits.Looks(7));
  EXPECT_FALSE(habits.Looks(7 + 512));
}

TEST(ListHabitsTest, WhoIsUnknownIsTakenToLook) {
  ListHabits habits;
  EXPECT_TRUE(habits.Looks(0));
  habits.NoteListed(0, 3);
  EXPECT_TRUE(habits.Looks(0));
}

}  // namespace
}  // namespace plyfs
