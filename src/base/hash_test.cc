#include "base/hash.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace galago {
namespace {

std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0) {
  return hash_bytes(std::as_bytes(std::span(text.data(), text.size())), seed);
}

// Values of the reference implementation.
TEST(Hash, IsXxh64) {
  EXPECT_EQ(hash_text(""), 0xEF46DB3751D8E999u);
  EXPECT_EQ(hash_text("a"), 0xD24EC4F1A98C6E5Bu);
  EXPECT_EQ(hash_text("abc"), 0x44BC2CF5AD770999u);
  EXPECT_EQ(hash_text("Nobody inspects the spammish repetition"), 0xFBCEA83C8A378BF1u);
}

TEST(Hash, SeesEveryByteSizeAndSeed) {
  std::vector<std::byte> bytes(77);
  const std::uint64_t zeros = hash_bytes(bytes);
  for (std::byte& byte : bytes) {
    byte = std::byte{1};
    EXPECT_NE(hash_bytes(bytes), zeros);
    byte = std::byte{0};
  }
  EXPECT_NE(hash_bytes(Bytes(bytes).first(76)), zeros);
  EXPECT_NE(hash_bytes(bytes, 1), zeros);
}

}  // namespace
}  // namespace galago
