#include "ops/l2_normalize.h"

#include <gtest/gtest.h>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"
#include "ops/torch_golden_test.h"

namespace galago::ops {
namespace {

TEST(L2Normalize, AgreesWithTorch) {
  EXPECT_TRUE(is_close(l2_normalize(golden("norm/x")), golden("norm/l2_normalize"), 1e-7));
}

TEST(L2Normalize, GivesZerosForZeros) {
  EXPECT_EQ(l2_normalize(Tensor::zeros({1, 2})).to_string(), "f32 (1, 2) [0, 0]");
}

TEST(L2Normalize, NeedsADim) {
  EXPECT_EQ(inferred(L2Normalize{}, {f32({})}), "l2_normalize: input 0 (x) is f32 (); expected at least one dim");
}

}  // namespace
}  // namespace galago::ops
