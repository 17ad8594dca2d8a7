#include "ops/scale.h"

#include <gtest/gtest.h>

#include <array>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"

namespace galago::ops {
namespace {

TEST(Scale, MultipliesByTheFactor) {
  const std::array<float, 3> values = {1, -2, 3};
  EXPECT_EQ(scale(Tensor::from(values, {3, 1}), -0.5f).to_string(), "f32 (3, 1) [-0.5, 1, -1.5]");
}

TEST(Scale, TakesF32) {
  EXPECT_EQ(inferred(Scale{2.0f}, {f32({Dim::symbol("tokens", 8)})}), "f32 (tokens)");
  EXPECT_EQ(inferred(Scale{2.0f}, {i32({3})}), "scale: input 0 (x) is i32 (3); expected f32");
}

}  // namespace
}  // namespace galago::ops
