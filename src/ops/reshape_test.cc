#include "ops/reshape.h"

#include <gtest/gtest.h>

#include <vector>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"

namespace galago::ops {
namespace {

TEST(Reshape, KeepsTheOrderOfElements) {
  const Tensor x = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(reshape(x, {3, 1, 2}).to_string(), "f32 (3, 1, 2) [1, 2, 3, 4, 5, 6]");
  const Tensor ids = Tensor::from(std::vector<std::int32_t>{1, 2, 3}, {3});
  EXPECT_EQ(reshape(ids, {1, 3}).to_string(), "i32 (1, 3) [1, 2, 3]");
}

TEST(Reshape, FlattensAKernelOfAnyType) {
  const Tensor kernel = Tensor::zeros({8, 2, 4, 4}, DType::kBF16);
  EXPECT_EQ(reshape(kernel, {8, 32}).type().to_string(), "bf16 (8, 32)");
  const TensorType blocks = {DType::kQ4_0, {4, 64}};
  EXPECT_EQ(inferred(Reshape{{2, 4, 32}}, {blocks}), "q4_0 (2, 4, 32)");
  EXPECT_EQ(inferred(Reshape{{16, 16}}, {blocks}),
            "reshape: input 0 (x) is q4_0 (4, 64); expected blocks that divide the rows of (16, 16)");
}

TEST(Reshape, SeesThatSymbolicSizesHaveTheSameProduct) {
  const Dim tokens = Dim::symbol("tokens", 512), groups = Dim::symbol("groups", 64);
  EXPECT_EQ(inferred(Reshape{{tokens, 4, 16}}, {f32({tokens, 64})}), "f32 (tokens, 4, 16)");
  EXPECT_EQ(inferred(Reshape{{4, tokens, 16}}, {f32({tokens, 64})}), "f32 (4, tokens, 16)");
  EXPECT_EQ(inferred(Reshape{{groups, 256}}, {f32({groups * 4, 64})}), "f32 (groups, 256)");
  EXPECT_EQ(inferred(Reshape{{groups, tokens, 8}}, {f32({tokens * 2, groups * 4})}), "f32 (groups, tokens, 8)");
  EXPECT_EQ(inferred(Reshape{{0, tokens}}, {f32({groups, 0})}), "f32 (0, tokens)");
}

TEST(Reshape, RefusesOtherProducts) {
  const Dim tokens = Dim::symbol("tokens", 512), patches = Dim::symbol("patches", 512);
  EXPECT_EQ(inferred(Reshape{{tokens, 63}}, {f32({tokens, 64})}),
            "reshape: input 0 (x) is f32 (tokens, 64); expected as many elements as (tokens, 63)");
  EXPECT_EQ(inferred(Reshape{{patches, 64}}, {f32({tokens, 64})}),
            "reshape: input 0 (x) is f32 (tokens, 64); expected as many elements as (patches, 64)");
  EXPECT_EQ(inferred(Reshape{{512, 64}}, {f32({tokens, 64})}),
            "reshape: input 0 (x) is f32 (tokens, 64); expected as many elements as (512, 64)")
      << "equal at the bound alone";
  EXPECT_EQ(inferred(Reshape{{tokens / 4, 256}}, {f32({tokens, 64})}),
            "reshape: input 0 (x) is f32 (tokens, 64); expected as many elements as (tokens / 4, 256)")
      << "5 tokens would lose one: declare tokens as a multiple of the groups instead";
  EXPECT_FALSE((Reshape{{-2, -3}}.infer(std::vector<TensorType>{f32({6})}).ok()));
  EXPECT_FALSE((Reshape{{INT64_MAX, 2, 2}}.infer(std::vector<TensorType>{f32({6})}).ok()));
  EXPECT_EQ(inferred(Reshape{{1, 1, 1, 1, 1, 1, 1, 1, 1}}, {f32({1})}),
            "reshape: shape has 9 dims; expected at most 8");
}

}  // namespace
}  // namespace galago::ops
