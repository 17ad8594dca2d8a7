#include "ops/softmax.h"

#include <gtest/gtest.h>

#include <array>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"
#include "ops/torch_golden_test.h"

namespace galago::ops {
namespace {

TEST(Softmax, AgreesWithTorch) { EXPECT_TRUE(is_close(softmax(golden("norm/x")), golden("norm/softmax"), 1e-7)); }

TEST(Softmax, SurvivesLargeValues) {
  const std::array<float, 3> values = {3e38f, 3e38f, -3e38f};
  EXPECT_EQ(softmax(Tensor::from(values, {1, 3})).to_string(), "f32 (1, 3) [0.5, 0.5, 0]");
}

TEST(Softmax, NeedsADim) {
  EXPECT_TRUE(softmax(Tensor::zeros({3, 0})).ok());
  EXPECT_EQ(inferred(Softmax{}, {f32({Dim::symbol("tokens", 8), 3})}), "f32 (tokens, 3)");
  EXPECT_EQ(inferred(Softmax{}, {f32({})}), "softmax: input 0 (x) is f32 (); expected at least one dim");
}

}  // namespace
}  // namespace galago::ops
