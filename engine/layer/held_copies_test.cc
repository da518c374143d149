#include "engine/layer/held_copies.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace plyfs {
namespace {

UniqueFd Open() {
  return UniqueFd(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

bool IsOpen(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

// A directory with so many copies, the first of them opened by path only.
HeldCopies::Lease Looked(HeldCopies& held, size_t copies) {
  HeldCopies::Lease lease;
  lease.Add(UniqueFd());
  held.Reserve(copies - 1, &lease);
  while (lease.size() < copies) lease.Add(lease.room() > 0 ? Open() : UniqueFd());
  return lease;
}

TEST(HeldCopiesTest, WhatIsPutIsTakenOnce) {
  HeldCopies held(10);
  held.Put(7, Looked(held, 4));
  EXPECT_TRUE(held.Has(7));
  HeldCopies::Lease taken = held.Take(7);
  ASSERT_EQ(taken.size(), 4u);
  EXPECT_FALSE(taken.Take(0).valid());
  for (size_t i = 1; i < 4; ++i) EXPECT_TRUE(taken.Take(i).valid());
  EXPECT_FALSE(held.Has(7));
  EXPECT_TRUE(held.Take(7).empty());
}

TEST(HeldCopiesTest, OldestGoesFirst) {
  HeldCopies held(10);
  for (NodeId dir = 1; dir <= 3; ++dir) held.Put(dir, Looked(held, 5));
  EXPECT_FALSE(held.Has(1));
  EXPECT_TRUE(held.Has(2));
  EXPECT_TRUE(held.Has(3));
}

TEST(HeldCopiesTest, PutAgainCountsAsNew) {
  HeldCopies held(8);
  held.Put(1, Looked(held, 5));
  held.Put(2, Looked(held, 5));
  held.Put(1, Looked(held, 5));
  held.Put(3, Looked(held, 5));
  EXPECT_FALSE(held.Has(2));
  EXPECT_TRUE(held.Has(1));
  EXPECT_TRUE(held.Has(3));
}

TEST(HeldCopiesTest, NeverMoreThanThereIsRoomFor) {
  HeldCopies held(10);
  HeldCopies::Lease first = Looked(held, 8);  // a lookup under way
  EXPECT_EQ(first.room(), 0u);
  HeldCopies::Lease second;
  held.Reserve(8, &second);
  EXPECT_EQ(second.room(), 3u);
  HeldCopies::Lease third;
  held.Reserve(8, &third);
  EXPECT_TRUE(third.reserved());
  EXPECT_EQ(third.room(), 0u);
  first = HeldCopies::Lease();
  HeldCopies::Lease fourth;
  held.Reserve(8, &fourth);
  EXPECT_EQ(fourth.room(), 7u);
}

TEST(HeldCopiesTest, RoomNotUsedIsGivenBack) {
  HeldCopies held(10);
  HeldCopies::Lease lease;
  held.Reserve(10, &lease);
  lease.Add(Open());
  held.Put(1, std::move(lease));
  HeldCopies::Lease other;
  held.Reserve(9, &other);
  EXPECT_EQ(other.room(), 9u);
  EXPECT_TRUE(held.Has(1));
}

TEST(HeldCopiesTest, DroppedIsClosed) {
  HeldCopies held(10);
  HeldCopies::Lease lease;
  held.Reserve(1, &lease);
  UniqueFd fd = Open();
  const int number = fd.get();
  lease.Add(std::move(fd));
  held.Put(1, std::move(lease));
  ASSERT_TRUE(IsOpen(number));
  held.Drop(1);
  EXPECT_FALSE(IsOpen(number));
}

TEST(HeldCopiesTest, RefilledAsFarAsThereIsRoom) {
  HeldCopies held(2);
  ReadCopies read;
  held.Reserve(3, &read.copies);
  std::vector<UniqueFd> copies;
  for (int i = 0; i < 3; ++i) copies.push_back(Open());
  copies.emplace(copies.begin() + 1);  // was not opened
  const int first = copies[0].get(), third = copies[2].get(), last = copies[3].get();
  read.copies.Refill(std::move(copies));
  read.layers = {2, 3, 5, 9};
  EXPECT_EQ(read.Of(2), first);
  EXPECT_EQ(read.Of(3), -1);
  EXPECT_EQ(read.Of(5), third);
  EXPECT_EQ(read.Of(9), -1);
  EXPECT_EQ(read.Of(4), -1);
  EXPECT_EQ(read.Of(10), -1);
  EXPECT_FALSE(IsOpen(last));
}

TEST(HeldCopiesTest, MuchUseLeavesNothingBehind) {
  HeldCopies held(100);
  for (NodeId dir = 1; dir <= 10'000; ++dir) {
    held.Put(dir, Looked(held, 3));
    held.Drop(dir);
  }
  EXPECT_LE(held.remembered(), 200u);
  HeldCopies::Lease all;
  held.Reserve(100, &all);
  EXPECT_EQ(all.room(), 100u);
}

}  // namespace
}  // namespace plyfs
