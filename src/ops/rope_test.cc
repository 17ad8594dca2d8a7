#include "ops/rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"
#include "ops/torch_golden_test.h"

namespace galago::ops {
namespace {

// cos and sin of a float32 angle are the same everywhere; torch's are within an ulp of them.
constexpr double kTolerance = 1e-6;

TEST(Rope, AgreesWithTransformers) {
  const Tensor x = golden("rope/x"), positions = golden("rope/positions"), half = golden("rope/half_inv_freq");
  EXPECT_TRUE(is_close(rope(x, positions, half, {}), golden("rope/half"), kTolerance));
  EXPECT_TRUE(is_close(rope(x, positions, half, {.attention_factor = 1.1386f}), golden("rope/scaled"), kTolerance));
  const Tensor interleaved = rope(x, positions, golden("rope/interleaved_inv_freq"), {.interleaved = true});
  EXPECT_TRUE(is_close(interleaved, golden("rope/interleaved"), kTolerance));
}

TEST(Rope, LeavesTheRestOfAHeadAlone) {
  const Tensor y = rope(golden("rope/x"), golden("rope/positions"), golden("rope/partial_inv_freq"), {});
  EXPECT_TRUE(is_close(y, golden("rope/partial"), kTolerance));
}

TEST(Rope, TakesAnAxisForEachSection) {
  const Tensor y =
      rope(golden("rope/x"), golden("rope/axes"), golden("rope/multimodal_inv_freq"), {.sections = {2, 3, 3}});
  EXPECT_TRUE(is_close(y, golden("rope/multimodal"), kTolerance));
}

TEST(Rope, RoundsAnglesToFloat) {
  // 100003 * 0.9 is 90002.7 in float64; the nearest float32 differs by 1.6e-3, and so does the sine.
  const Tensor x = Tensor::from(std::vector<float>{1, 0}, {1, 1, 2});
  const Tensor position = Tensor::from(std::vector<std::int32_t>{100003}, {1, 1});
  const Tensor y = rope(x, position, Tensor::from(std::vector<float>{0.9f}, {1}), {});
  ASSERT_TRUE(y.ok());
  const float angle = 100003.0f * 0.9f;
  EXPECT_FLOAT_EQ(y.floats()[0], static_cast<float>(std::cos(double{angle})));
  EXPECT_FLOAT_EQ(y.floats()[1], static_cast<float>(std::sin(double{angle})));
}

TEST(Rope, SaysWhatDoesNotFit) {
  const Dim tokens = Dim::symbol("tokens", 512);
  const TensorType x = f32({tokens, 2, 16});
  EXPECT_EQ(inferred(Rope{}, {x, i32({1, tokens}), f32({8})}), "f32 (tokens, 2, 16)");
  EXPECT_EQ(inferred(Rope{}, {x, i32({1, tokens}), f32({9})}),
            "rope: input 2 (inv_freq) is f32 (9); expected at most 8 pairs for heads of 16");
  EXPECT_EQ(inferred(Rope{}, {x, i32({3, tokens}), f32({8})}),
            "rope: input 1 (positions) is i32 (3, tokens); expected size 1 in dim 0");
  EXPECT_EQ(inferred(Rope{}, {x, i32({1, 7}), f32({8})}),
            "rope: input 1 (positions) is i32 (1, 7); expected size tokens in dim 1");
  const Rope sections{.sections = {2, 3, 4}};
  EXPECT_EQ(inferred(sections, {x, i32({3, tokens}), f32({8})}),
            "rope: sections [2, 3, 4]; expected a sum of 8, the pairs of inv_freq");
  const Rope hostile{.sections = {INT64_MAX, 9, -1}};
  EXPECT_FALSE(hostile.infer(std::vector<TensorType>{x, i32({3, tokens}), f32({8})}).ok());
}

}  // namespace
}  // namespace galago::ops
