#include "ops/rms_norm.h"

#include <gtest/gtest.h>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"
#include "ops/torch_golden_test.h"

namespace galago::ops {
namespace {

TEST(RmsNorm, AgreesWithTransformers) {
  const Tensor x = golden("norm/x"), weight = golden("norm/weight");
  EXPECT_TRUE(is_close(rms_norm(x, weight, 1e-5f), golden("norm/rms_norm")));
  EXPECT_TRUE(is_close(rms_norm(x, weight, 1e-5f, true), golden("norm/rms_norm_plus_one")));
}

TEST(RmsNorm, GivesZerosForZeros) {
  const Tensor y = rms_norm(Tensor::zeros({2, 4}), Tensor::random({4}));
  for (const float value : y.floats()) EXPECT_EQ(value, 0.0f);
}

TEST(RmsNorm, SaysWhatDoesNotFit) {
  const Dim tokens = Dim::symbol("tokens", 512);
  EXPECT_EQ(inferred(RmsNorm{}, {f32({tokens, 8}), f32({8})}), "f32 (tokens, 8)");
  EXPECT_EQ(inferred(RmsNorm{}, {f32({tokens, 8}), f32({9})}),
            "rms_norm: input 1 (weight) is f32 (9); expected size 8 in dim 0");
  EXPECT_EQ(inferred(RmsNorm{}, {f32({tokens, 8}), f32({1, 8})}),
            "rms_norm: input 1 (weight) is f32 (1, 8); expected 1 dims");
  EXPECT_EQ(inferred(RmsNorm{}, {f32({tokens, 8}), {DType::kBF16, {8}}}),
            "rms_norm: input 1 (weight) is bf16 (8); expected f32");
}

}  // namespace
}  // namespace galago::ops
