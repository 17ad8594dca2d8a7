#include "ops/mul.h"

#include <gtest/gtest.h>

#include <array>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"

namespace galago::ops {
namespace {

TEST(Mul, MultipliesTheSameShapeAndTheLastDims) {
  const std::array<float, 4> values = {1, -2, 3, 0.5f};
  const Tensor a = Tensor::from(values, {2, 2});
  EXPECT_EQ((a * a).to_string(), "f32 (2, 2) [1, 4, 9, 0.25]");
  EXPECT_EQ(mul(a, Tensor::from(std::span(values).first(2), {2})).to_string(), "f32 (2, 2) [1, 4, 3, -1]");
}

TEST(Mul, SaysWhatDoesNotFit) {
  const Dim tokens = Dim::symbol("tokens", 512);
  EXPECT_EQ(inferred(Mul{}, {f32({tokens, 4}), f32({tokens, 4})}), "f32 (tokens, 4)");
  EXPECT_EQ(inferred(Mul{}, {f32({tokens, 4}), f32({5})}),
            "mul: input 1 (b) is f32 (5); expected the shape (tokens, 4) or its last dims");
}

}  // namespace
}  // namespace galago::ops
