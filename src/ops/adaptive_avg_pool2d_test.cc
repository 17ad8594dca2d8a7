#include "ops/adaptive_avg_pool2d.h"

#include <gtest/gtest.h>

#include <string>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"
#include "ops/torch_golden_test.h"

namespace galago::ops {
namespace {

TEST(AdaptiveAvgPool2d, AgreesWithTorch) {
  const Tensor x = golden("conv/x");  // 9 x 11: bins overlap for 3 x 4 and 5 x 13, the latter repeats pixels
  EXPECT_TRUE(is_close(adaptive_avg_pool2d(x, 1, 1), golden("pool/1x1"), 1e-7));
  EXPECT_TRUE(is_close(adaptive_avg_pool2d(x, 3, 4), golden("pool/3x4"), 1e-7));
  EXPECT_TRUE(is_close(adaptive_avg_pool2d(x, 9, 11), golden("pool/9x11"), 0));
  EXPECT_TRUE(is_close(adaptive_avg_pool2d(x, 5, 13), golden("pool/5x13"), 1e-7));
}

TEST(AdaptiveAvgPool2d, SaysWhatDoesNotFit) {
  EXPECT_EQ(inferred(AdaptiveAvgPool2d{12, 12}, {f32({Dim::symbol("channels", 64), 24, 24})}),
            "f32 (channels, 12, 12)");
  EXPECT_EQ(inferred(AdaptiveAvgPool2d{0, 3}, {f32({6, 9, 9})}),
            "adaptive_avg_pool2d: output of 0 x 3; expected at least 1 x 1");
  EXPECT_EQ(inferred(AdaptiveAvgPool2d{2, 2}, {f32({6, 0, 9})}),
            "adaptive_avg_pool2d: input 0 (x) is f32 (6, 0, 9); expected a constant size of 1 to 2147483648 in dim 1");
}

}  // namespace
}  // namespace galago::ops
