#include "ops/add.h"

#include <gtest/gtest.h>

#include <array>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"
#include "ops/torch_golden_test.h"

namespace galago::ops {
namespace {

const Dim kTokens = Dim::symbol("tokens", 512);

TEST(Add, AddsTheSameShapeAndTheLastDims) {
  const std::array<float, 6> values = {1, 2, 3, 4, 5, 6};
  const Tensor a = Tensor::from(values, {2, 3});
  EXPECT_EQ((a + a).to_string(), "f32 (2, 3) [2, 4, 6, 8, 10, 12]");
  const std::array<float, 3> bias = {10, 20, 30};
  EXPECT_EQ(add(a, Tensor::from(bias, {3})).to_string(), "f32 (2, 3) [11, 22, 33, 14, 25, 36]");
  EXPECT_EQ(add(a, Tensor::from(std::span(bias).first(1), {})).to_string(), "f32 (2, 3) [11, 12, 13, 14, 15, 16]");
}

TEST(Add, TakesNoRows) {
  const Tensor none = add(Tensor::zeros({0, 3}), Tensor::zeros({3}));
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none.floats().size(), 0u);
}

TEST(Add, ComparesSymbolicSizesAsTheyStand) {
  EXPECT_EQ(inferred(Add{}, {f32({kTokens, 8}), f32({8})}), "f32 (tokens, 8)");
  EXPECT_EQ(inferred(Add{}, {f32({kTokens, 8}), f32({kTokens, 8})}), "f32 (tokens, 8)");
  EXPECT_EQ(inferred(Add{}, {f32({kTokens, 8}), f32({Dim::symbol("patches", 512), 8})}),
            "add: input 1 (b) is f32 (patches, 8); expected the shape (tokens, 8) or its last dims");
  EXPECT_EQ(inferred(Add{}, {f32({kTokens, 8}), f32({kTokens + 1, 8})}),
            "add: input 1 (b) is f32 (tokens + 1, 8); expected the shape (tokens, 8) or its last dims");
}

TEST(Add, SaysWhatDoesNotFit) {
  EXPECT_EQ(inferred(Add{}, {f32({2, 3}), f32({2})}),
            "add: input 1 (b) is f32 (2); expected the shape (2, 3) or its last dims");
  EXPECT_EQ(inferred(Add{}, {f32({3}), f32({2, 3})}),
            "add: input 1 (b) is f32 (2, 3); expected the shape (3) or its last dims");
  EXPECT_EQ(inferred(Add{}, {i32({3}), f32({3})}), "add: input 0 (a) is i32 (3); expected f32");
  EXPECT_EQ(inferred(Add{}, {f32({3})}), "add: 1 inputs; expected 2 (a, b)");
  EXPECT_EQ(inferred(Add{}, {f32({1, 1, 1, 1, 1, 1, 1, 1, 1}), f32({1})}),
            "add: input 0 (a) is f32 (1, 1, 1, 1, 1, 1, 1, 1, 1); expected at most 8 dims");
}

}  // namespace
}  // namespace galago::ops
