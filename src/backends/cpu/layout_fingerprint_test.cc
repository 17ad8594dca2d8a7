#include "backends/cpu/layout_fingerprint.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "backends/cpu/packing.h"

namespace galago::cpu {
namespace {

TEST(LayoutFingerprint, IsThereForAllThatArePackedAndTellsLayoutsApart) {
  std::set<std::uint64_t> seen;
  for (const DType type : {
#define GALAGO_DTYPE(enumerator, name, ggml_id, block_elements, block_bytes) DType::enumerator,
#include "galago/formats.def"
#undef GALAGO_DTYPE
       }) {
    const std::uint64_t fingerprint = layout_fingerprint(type);
    EXPECT_EQ(fingerprint == 0, packed_bytes(type, 16, 512) == 0) << name(type);
    EXPECT_EQ(fingerprint, layout_fingerprint(type));
    seen.insert(fingerprint);
  }
  // Types whose blocks are built alike (f16 and bf16) also lie alike; most do not.
  EXPECT_GE(seen.size(), 8u);
}

// What is kept is compared byte by byte, so packing must write all of it.
TEST(LayoutFingerprint, PackingLeavesNoByteAsItWas) {
  constexpr std::int64_t kRows = 19, kCols = 512;
  for (const DType type : {
#define GALAGO_DTYPE(enumerator, name, ggml_id, block_elements, block_bytes) DType::enumerator,
#include "galago/formats.def"
#undef GALAGO_DTYPE
       }) {
    const std::uint64_t bytes = packed_bytes(type, kRows, kCols);
    if (bytes == 0) continue;
    const std::uint64_t row = row_bytes(type, kCols).value();
    const std::vector<std::byte> source(row * kRows, std::byte{0x5a});
    const auto row_at = [&](std::int64_t index) { return source.data() + static_cast<std::uint64_t>(index) * row; };
    std::vector<std::byte> zeros(bytes), ones(bytes, std::byte{0xff});
    ASSERT_TRUE(pack_tile_range(row_at, type, kRows, kCols, 0, tile_count(kRows), zeros.data()).ok());
    ASSERT_TRUE(pack_tile_range(row_at, type, kRows, kCols, 0, tile_count(kRows), ones.data()).ok());
    EXPECT_EQ(zeros, ones) << name(type);
  }
}

}  // namespace
}  // namespace galago::cpu
