#include "ops/matmul.h"

#include <gtest/gtest.h>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"
#include "ops/torch_golden_test.h"

namespace galago::ops {
namespace {

TEST(MatMul, AgreesWithTorch) {
  const Tensor rows = slice(golden("linear/x"), 0, 0, 1);
  EXPECT_TRUE(is_close(matmul(reshape(rows, {3, 21}), golden("linear/weight")), golden("matmul/y"), 1e-7));
}

TEST(MatMul, SaysWhatDoesNotFit) {
  const Dim texts = Dim::symbol("texts", 9), images = Dim::symbol("images", 9);
  EXPECT_EQ(inferred(MatMul{}, {f32({texts, 32}), f32({images, 32})}), "f32 (texts, images)");
  EXPECT_EQ(inferred(MatMul{}, {f32({texts, 32}), f32({32, images})}),
            "matmul: input 1 (b) is f32 (32, images); expected size 32 in dim 1");
  EXPECT_EQ(inferred(MatMul{}, {f32({1, texts, 32}), f32({images, 32})}),
            "matmul: input 0 (a) is f32 (1, texts, 32); expected 2 dims");
}

}  // namespace
}  // namespace galago::ops
