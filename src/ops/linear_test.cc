#include "ops/linear.h"

#include <gtest/gtest.h>

#include <vector>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"
#include "ops/torch_golden_test.h"
#include "quant/codec.h"

namespace galago::ops {
namespace {

TEST(Linear, AgreesWithTorch) {
  const Tensor x = golden("linear/x"), weight = golden("linear/weight");
  EXPECT_TRUE(is_close(linear(x, weight, golden("linear/bias")), golden("linear/y"), 1e-7));
  EXPECT_TRUE(is_close(linear(x, weight), golden("linear/y_no_bias"), 1e-7));
}

TEST(Linear, DecodesWeightsOfEveryType) {
  const Tensor x = Tensor::random({3, 256}, 1), values = Tensor::random({5, 256}, 2);
  for (const DType dtype : {DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_1, DType::kQ5_0}) {
    const auto& codec = quant::codec(dtype);
    ASSERT_NE(codec.encode_row, nullptr) << name(dtype);
    Tensor weight = Tensor::zeros({5, 256}, dtype), decoded = Tensor::zeros({5, 256});
    auto* numbers = reinterpret_cast<float*>(decoded.mutable_bytes().data());
    const std::size_t stride = weight.bytes().size() / 5;
    for (std::size_t row = 0; row < 5; ++row) {
      codec.encode_row(values.floats().data() + row * 256, weight.mutable_bytes().data() + row * stride, 256);
      codec.decode_row(weight.bytes().data() + row * stride, numbers + row * 256, 256);
    }
    EXPECT_TRUE(is_close(linear(x, weight), linear(x, decoded), 0)) << name(dtype);
    EXPECT_TRUE(is_close(linear(x, weight), linear(x, values), 3)) << name(dtype) << ": far from its own numbers";
  }
}

TEST(Linear, ReadsRowsInAnotherOrder) {
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const Tensor weight = Tensor::from(values, {3, 2});
  const auto order = std::make_shared<const std::vector<std::int32_t>>(std::vector<std::int32_t>{2, 0});
  const Tensor x = Tensor::from(std::vector<float>{1, 10}, {1, 2});
  EXPECT_EQ(linear(x, weight.with_rows(order)).to_string(), "f32 (1, 2) [65, 21]");
}

TEST(Linear, SaysWhatDoesNotFit) {
  const Dim tokens = Dim::symbol("tokens", 512);
  EXPECT_EQ(inferred(Linear{}, {f32({tokens, 32}), {DType::kQ4_1, {48, 32}}}), "f32 (tokens, 48)");
  EXPECT_EQ(inferred(Linear{}, {f32({2, tokens, 32}), f32({48, 32}), f32({48})}), "f32 (2, tokens, 48)");
  EXPECT_EQ(inferred(Linear{}, {f32({tokens, 32}), {DType::kQ4_1, {48, 64}}}),
            "linear: input 1 (weight) is q4_1 (48, 64); expected size 32 in dim 1");
  EXPECT_EQ(inferred(Linear{}, {f32({tokens, 32}), f32({48, 32}), f32({32})}),
            "linear: input 2 (bias) is f32 (32); expected size 48 in dim 0");
  EXPECT_EQ(inferred(Linear{}, {f32({tokens, 32}), f32({32})}),
            "linear: input 1 (weight) is f32 (32); expected 2 dims");
}

}  // namespace
}  // namespace galago::ops
