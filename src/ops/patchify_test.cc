#include "ops/patchify.h"

#include <gtest/gtest.h>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"
#include "ops/torch_golden_test.h"

namespace galago::ops {
namespace {

TEST(Patchify, AgreesWithTorchAndCutsRemaindersOff) {
  EXPECT_TRUE(is_close(patchify(golden("conv/x"), 2, 3), golden("patchify/2x3"), 0));
}

TEST(Patchify, MakesAConvolutionALinear) {
  const Tensor x = Tensor::random({3, 8, 12}, 1), kernel = Tensor::random({5, 3, 4, 4}, 2);
  const Tensor rows = linear(patchify(x, 4, 4), reshape(kernel, {5, 48}));
  const Tensor picture = conv2d(x, kernel, {}, 4);
  EXPECT_TRUE(is_close(rows, permute(reshape(picture, {5, 6}), {1, 0}), 1e-6));
}

TEST(Patchify, SaysWhatDoesNotFit) {
  EXPECT_EQ(inferred(Patchify{14, 14}, {f32({3, 224, 230})}), "f32 (256, 588)");
  EXPECT_EQ(inferred(Patchify{14, 14}, {f32({3, 13, 230})}), "f32 (0, 588)");
  EXPECT_EQ(inferred(Patchify{14, 14}, {f32({3, Dim::symbol("height", 99), 230})}),
            "patchify: input 0 (x) is f32 (3, height, 230); expected constant sizes");
  EXPECT_EQ(inferred(Patchify{0, 14}, {f32({3, 28, 28})}), "patchify: patches of 0 x 14; expected at least 1 x 1");
  EXPECT_FALSE((Patchify{1 << 30, 1 << 30}.infer(std::vector<TensorType>{f32({1 << 20, 1, 1})}).ok()));
}

}  // namespace
}  // namespace galago::ops
