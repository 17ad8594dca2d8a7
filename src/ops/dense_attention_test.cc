#include "ops/dense_attention.h"

#include <gtest/gtest.h>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"
#include "ops/torch_golden_test.h"

namespace galago::ops {
namespace {

TEST(DenseAttention, AgreesWithTorch) {
  const Tensor q = golden("dense/q"), k = golden("dense/k"), v = golden("dense/v");
  const Tensor of_query = golden("dense/query_segment"), of_key = golden("dense/key_segment");
  EXPECT_TRUE(is_close(dense_attention(q, k, v, 0.3f), golden("dense/y"), 1e-6));
  EXPECT_TRUE(is_close(dense_attention(q, k, v, 0.3f, true), golden("dense/causal"), 1e-6));
  EXPECT_TRUE(is_close(dense_attention(q, k, v, 0.3f, false, of_query, of_key), golden("dense/segments"), 1e-6));
  EXPECT_TRUE(is_close(dense_attention(q, k, v, 0.3f, true, of_query, of_key), golden("dense/causal_segments"), 1e-6));
}

TEST(DenseAttention, GivesZerosWithoutKeys) {
  const Tensor y = dense_attention(Tensor::random({2, 1, 4}), Tensor::zeros({0, 1, 4}), Tensor::zeros({0, 1, 2}), 1.0f);
  EXPECT_EQ(y.to_string(), "f32 (2, 1, 2) [0, 0, 0, 0]");
}

TEST(DenseAttention, SaysWhatDoesNotFit) {
  const Dim n = Dim::symbol("patches", 64), m = Dim::symbol("keys", 64);
  const TensorType q = f32({n, 4, 8}), k = f32({m, 2, 8}), v = f32({m, 2, 6});
  EXPECT_EQ(inferred(DenseAttention{}, {q, k, v}), "f32 (patches, 4, 6)");
  EXPECT_EQ(inferred(DenseAttention{}, {q, k, v, i32({n}), i32({m})}), "f32 (patches, 4, 6)");
  EXPECT_EQ(inferred(DenseAttention{}, {q, f32({m, 3, 8}), f32({m, 3, 6})}),
            "dense_attention: input 1 (k) is f32 (keys, 3, 8); expected a number of heads in dim 1 that divides q's 4");
  EXPECT_EQ(inferred(DenseAttention{}, {q, k, f32({n, 2, 6})}),
            "dense_attention: input 2 (v) is f32 (patches, 2, 6); expected size keys in dim 0");
  EXPECT_EQ(inferred(DenseAttention{}, {q, f32({m, 0, 8}), f32({m, 0, 6})}),
            "dense_attention: input 1 (k) is f32 (keys, 0, 8); expected a number of heads in dim 1 that divides q's 4");
  EXPECT_EQ(inferred(DenseAttention{}, {q, k, v, i32({n}), i32({n})}),
            "dense_attention: input 4 (key_segment) is i32 (patches); expected size keys in dim 0");
  EXPECT_EQ(inferred(DenseAttention{}, {q, k, v, i32({n})}),
            "dense_attention: input 3 (query_segment) is i32 (patches); expected query_segment and key_segment, or "
            "neither");
}

}  // namespace
}  // namespace galago::ops
