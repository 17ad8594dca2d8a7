#include "ops/slice.h"

#include <gtest/gtest.h>

#include <vector>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"

namespace galago::ops {
namespace {

TEST(Slice, TakesAPart) {
  const Tensor x = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(slice(x, 0, 1, 1).to_string(), "f32 (1, 3) [4, 5, 6]");
  EXPECT_EQ(slice(x, 1, 1, 2).to_string(), "f32 (2, 2) [2, 3, 5, 6]");
  EXPECT_EQ(slice(x, -1, 0, 1).to_string(), "f32 (2, 1) [1, 4]");
  EXPECT_TRUE(slice(x, 1, 3, 0).ok());
}

TEST(Slice, SaysWhatDoesNotFit) {
  const TensorType x = f32({Dim::symbol("tokens", 512), 8});
  EXPECT_EQ(inferred(Slice{1, 2, 4}, {x}), "f32 (tokens, 4)");
  EXPECT_EQ(inferred(Slice{0, 0, 1}, {x}), "slice: input 0 (x) is f32 (tokens, 8); expected a constant size in dim 0");
  EXPECT_EQ(inferred(Slice{1, 5, 4}, {x}),
            "slice: start 5 and length 4 in dim 1 of input 0 (x) f32 (tokens, 8); expected a part of it");
  EXPECT_FALSE((Slice{1, 5, INT64_MAX}.infer(std::vector<TensorType>{x}).ok()));
  EXPECT_FALSE((Slice{1, -1, 2}.infer(std::vector<TensorType>{x}).ok()));
  EXPECT_EQ(inferred(Slice{2, 0, 1}, {x}), "slice: axis 2 of input 0 (x) f32 (tokens, 8); expected 0 to 1");
}

}  // namespace
}  // namespace galago::ops
