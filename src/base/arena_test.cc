#include "base/arena.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace galago {
namespace {

bool all_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

std::uintptr_t address(const Arena& arena) { return reinterpret_cast<std::uintptr_t>(arena.data()); }

TEST(Arena, IsAlignedZeroedAndWritable) {
  for (const std::uint64_t bytes : {1u, 63u, 4096u, 4097u, 5u << 20}) {
    for (const Pages pages : {Pages::kNormal, Pages::kHuge}) {
      const Arena arena = Arena::create(bytes, pages).value();
      ASSERT_EQ(arena.size(), bytes);
      EXPECT_EQ(address(arena) % Arena::kAlignment, 0u);
      EXPECT_TRUE(all_zero(arena.bytes()));
      std::fill(arena.bytes().begin(), arena.bytes().end(), std::byte{0xAB});
      EXPECT_EQ(arena.bytes().back(), std::byte{0xAB});
    }
  }
  EXPECT_EQ(address(*Arena::create(5 << 20, Pages::kHuge)) % (2 << 20), 0u);
}

TEST(Arena, RefusesWhatNoMachineHas) {
  for (const std::uint64_t bytes : {std::uint64_t{1} << 60, UINT64_MAX, UINT64_MAX - 4095, std::uint64_t{1} << 63}) {
    for (const Pages pages : {Pages::kNormal, Pages::kHuge}) {
      const auto arena = Arena::create(bytes, pages);
      ASSERT_FALSE(arena.ok()) << bytes;
      EXPECT_EQ(arena.error().code, ErrorCode::kOutOfMemory);
    }
  }
}

TEST(Arena, OfNothingIsEmpty) {
  const auto arena = Arena::create(0);
  ASSERT_TRUE(arena.ok());
  EXPECT_TRUE(arena->bytes().empty());
}

TEST(Arena, MovesWithoutCopying) {
  Arena first = Arena::create(10000).value();
  first.data()[9999] = std::byte{7};
  const std::byte* data = first.data();
  Arena second = std::move(first);
  EXPECT_EQ(second.data(), data);
  EXPECT_EQ(first.size(), 0u);  // NOLINT(bugprone-use-after-move): a moved-from arena is empty
  Arena third = Arena::create(1).value();
  third = std::move(second);
  EXPECT_EQ(third.data()[9999], std::byte{7});
}

TEST(Arena, DiscardsWholePagesOnly) {
  const Arena arena = Arena::create(1 << 20).value();
  std::fill(arena.bytes().begin(), arena.bytes().end(), std::byte{1});
  arena.discard(100, (1 << 20) - 200);
  EXPECT_FALSE(all_zero(arena.bytes().first(100)));
  EXPECT_EQ(arena.data()[101], std::byte{1}) << "shares its page with what must stay";
  EXPECT_TRUE(all_zero(arena.bytes().subspan(1 << 16, 1 << 16)));
  arena.discard(1 << 21, 100);  // beyond the end: nothing to do
  arena.discard(0, SIZE_MAX);
  EXPECT_TRUE(all_zero(arena.bytes()));
}

}  // namespace
}  // namespace galago
