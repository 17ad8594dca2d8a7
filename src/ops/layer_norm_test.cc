#include "ops/layer_norm.h"

#include <gtest/gtest.h>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"
#include "ops/torch_golden_test.h"

namespace galago::ops {
namespace {

TEST(LayerNorm, AgreesWithTorch) {
  const Tensor x = golden("norm/x"), weight = golden("norm/weight");
  EXPECT_TRUE(is_close(layer_norm(x, weight, golden("norm/bias")), golden("norm/layer_norm")));
  EXPECT_TRUE(is_close(layer_norm(x, weight, {}), golden("norm/layer_norm_no_bias")));
}

TEST(LayerNorm, SaysWhatDoesNotFit) {
  const Dim tokens = Dim::symbol("tokens", 512);
  EXPECT_EQ(inferred(LayerNorm{}, {f32({tokens, 8}), f32({8})}), "f32 (tokens, 8)");
  EXPECT_EQ(inferred(LayerNorm{}, {f32({tokens, 8}), f32({8}), f32({7})}),
            "layer_norm: input 2 (bias) is f32 (7); expected size 8 in dim 0");
  EXPECT_EQ(inferred(LayerNorm{}, {f32({tokens, 8})}), "layer_norm: 1 inputs; expected 2 to 3 (x, weight, bias)");
}

TEST(LayerNorm, AFailedBiasIsNotAnAbsentOne) {
  const Tensor failed = Tensor::failed({ErrorCode::kNotFound, "no bias in the file"});
  EXPECT_EQ(layer_norm(Tensor::zeros({1, 2}), Tensor::zeros({2}), failed).error().message, "no bias in the file");
}

}  // namespace
}  // namespace galago::ops
