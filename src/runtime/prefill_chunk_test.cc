#include "runtime/prefill_chunk.h"

#include <gtest/gtest.h>

#include <vector>

namespace galago::runtime {
namespace {

class PrefillChunk : public ::testing::Test {
 protected:
  // Bytes of a tensor in bf16 and of one in q4_0.
  int chosen(cpu::Bf16Tiles tiles, std::size_t floats, std::size_t codes, Precision precision = Precision::kFast,
             int asked = 0) {
    cpu::KernelTable kernels{};
    kernels.bf16_tiles = tiles;
    const std::vector<std::byte> bytes(floats + codes);
    const std::vector<formats::StoredTensor> weights{
        {.name = "a", .dtype = DType::kBF16, .data = Bytes(bytes).first(floats)},
        {.name = "b", .dtype = DType::kQ4_0, .data = Bytes(bytes).last(codes)}};
    return choose_prefill_chunk(asked, kernels, precision, weights);
  }
};

TEST_F(PrefillChunk, IsLongerWhereWeightsAreExpanded) {
  EXPECT_GT(chosen(cpu::Bf16Tiles::kAllWeights, 0, 100), chosen(cpu::Bf16Tiles::kNone, 0, 100));
  EXPECT_GT(chosen(cpu::Bf16Tiles::kFloatWeights, 60, 40), chosen(cpu::Bf16Tiles::kFloatWeights, 40, 60));
  EXPECT_EQ(chosen(cpu::Bf16Tiles::kFloatWeights, 40, 60), chosen(cpu::Bf16Tiles::kNone, 100, 0));
}

TEST_F(PrefillChunk, OfExactPrecisionHasNoTiles) {
  EXPECT_EQ(chosen(cpu::Bf16Tiles::kAllWeights, 100, 0, Precision::kExact), chosen(cpu::Bf16Tiles::kNone, 100, 0));
}

TEST_F(PrefillChunk, IsWhatWasAskedFor) {
  EXPECT_EQ(chosen(cpu::Bf16Tiles::kAllWeights, 100, 0, Precision::kFast, 32), 32);
}

}  // namespace
}  // namespace galago::runtime
