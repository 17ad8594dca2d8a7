#include "ops/embedding.h"

#include <gtest/gtest.h>

#include <vector>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"
#include "ops/torch_golden_test.h"
#include "quant/codec.h"

namespace galago::ops {
namespace {

Tensor ids(const std::vector<std::int32_t>& values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())});
}

TEST(Embedding, TakesRows) {
  const Tensor table = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {3, 2});
  EXPECT_EQ(embedding(ids({2, 0, 2}), table).to_string(), "f32 (3, 2) [5, 6, 1, 2, 5, 6]");
}

TEST(Embedding, DecodesBlocks) {
  const Tensor values = Tensor::random({4, 64}, 3);
  Tensor table = Tensor::zeros({4, 64}, DType::kQ8_0);
  const std::size_t stride = table.bytes().size() / 4;
  for (std::size_t row = 0; row < 4; ++row) {
    quant::codec(DType::kQ8_0)
        .encode_row(values.floats().data() + row * 64, table.mutable_bytes().data() + row * stride, 64);
  }
  EXPECT_TRUE(is_close(embedding(ids({3, 1}), table), embedding(ids({3, 1}), values), 0.02));
}

TEST(Embedding, RefusesIdsOutsideTheTable) {
  const Tensor table = Tensor::zeros({3, 2});
  EXPECT_EQ(embedding(ids({0, 3}), table).error().message,
            "embedding: input 0 (ids) has 3 at 1; expected 0 to 2, the rows of the table");
  EXPECT_EQ(embedding(ids({-1}), table).error().code, ErrorCode::kOutOfRange);
}

TEST(Embedding, SaysWhatDoesNotFit) {
  const Dim tokens = Dim::symbol("tokens", 512);
  EXPECT_EQ(inferred(Embedding{}, {i32({tokens}), {DType::kQ4_1, {100, 32}}}), "f32 (tokens, 32)");
  EXPECT_EQ(inferred(Embedding{}, {f32({tokens}), f32({100, 32})}),
            "embedding: input 0 (ids) is f32 (tokens); expected i32");
  EXPECT_EQ(inferred(Embedding{}, {i32({tokens}), f32({100})}),
            "embedding: input 1 (table) is f32 (100); expected 2 dims");
}

}  // namespace
}  // namespace galago::ops
