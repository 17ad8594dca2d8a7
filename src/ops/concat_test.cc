#include "ops/concat.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"

namespace galago::ops {
namespace {

TEST(Concat, JoinsAlongAnyAxis) {
  const Tensor a = Tensor::from(std::vector<float>{1, 2, 3, 4}, {2, 2});
  const Tensor b = Tensor::from(std::vector<float>{5, 6}, {1, 2});
  EXPECT_EQ(concat(std::array{a, b, b}, 0).to_string(), "f32 (4, 2) [1, 2, 3, 4, 5, 6, 5, 6]");
  EXPECT_EQ(concat(std::array{a, a}, 1).to_string(), "f32 (2, 4) [1, 2, 1, 2, 3, 4, 3, 4]");
  EXPECT_EQ(concat(std::array{a, a}, -1).to_string(), "f32 (2, 4) [1, 2, 1, 2, 3, 4, 3, 4]");
  EXPECT_EQ(concat(std::array{a, Tensor::zeros({0, 2})}, 0).to_string(), a.to_string());
}

TEST(Concat, AddsSymbolicSizes) {
  const Dim tokens = Dim::symbol("tokens", 512);
  EXPECT_EQ(inferred(Concat{0}, {f32({1, 8}), f32({tokens, 8}), f32({2, 8})}), "f32 (tokens + 3, 8)");
  EXPECT_EQ(inferred(Concat{0}, {f32({tokens, 8}), f32({tokens, 8})}), "f32 (tokens * 2, 8)");
  EXPECT_EQ(inferred(Concat{1}, {f32({tokens, 8}), f32({tokens, 9})}), "f32 (tokens, 17)");
  EXPECT_EQ(inferred(Concat{0}, {f32({tokens, 8}), f32({Dim::symbol("patches", 9), 8})}),
            "concat: input 1 is f32 (patches, 8); expected size tokens in dim 0, or a constant");
}

TEST(Concat, SaysWhatDoesNotFit) {
  EXPECT_EQ(inferred(Concat{0}, {f32({2, 8}), f32({2, 7})}), "concat: input 1 is f32 (2, 7); expected size 8 in dim 1");
  EXPECT_EQ(inferred(Concat{0}, {f32({2, 8}), i32({2, 8})}), "concat: input 1 is i32 (2, 8); expected f32");
  EXPECT_EQ(inferred(Concat{2}, {f32({2, 8})}), "concat: axis 2 of input 0, f32 (2, 8); expected 0 to 1");
  EXPECT_FALSE(concat({}, 0).ok());
  EXPECT_FALSE(concat({}, -1).ok());
}

}  // namespace
}  // namespace galago::ops
