#include "ops/permute.h"

#include <gtest/gtest.h>

#include <vector>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"

namespace galago::ops {
namespace {

TEST(Permute, Transposes) {
  const Tensor x = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(permute(x, {1, 0}).to_string(), "f32 (3, 2) [1, 4, 2, 5, 3, 6]");
  EXPECT_EQ(permute(x, {-1, 0}).to_string(), "f32 (3, 2) [1, 4, 2, 5, 3, 6]");
  EXPECT_EQ(permute(Tensor::from(std::vector<float>{7}, {}), {}).to_string(), "f32 () [7]");
  EXPECT_TRUE(permute(Tensor::zeros({0, 3}), {1, 0}).ok());
}

TEST(Permute, TurnsThreeDims) {
  std::vector<std::int32_t> values(2 * 3 * 5);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int32_t>(i);
  const Tensor y = permute(Tensor::from(values, {2, 3, 5}), {2, 0, 1});
  ASSERT_EQ(y.type().to_string(), "i32 (5, 2, 3)");
  for (int a = 0; a < 2; ++a) {
    for (int b = 0; b < 3; ++b) {
      for (int c = 0; c < 5; ++c) {
        EXPECT_EQ(y.ints()[static_cast<std::size_t>((c * 2 + a) * 3 + b)], (a * 3 + b) * 5 + c);
      }
    }
  }
}

TEST(Permute, SaysWhatDoesNotFit) {
  const TensorType x = f32({Dim::symbol("tokens", 512), 4, 8});
  EXPECT_EQ(inferred(Permute{{1, 0, 2}}, {x}), "f32 (4, tokens, 8)");
  EXPECT_EQ(inferred(Permute{{1, 0}}, {x}),
            "permute: axes [1, 0] for input 0 (x) f32 (tokens, 4, 8); expected each of its 3 dims once");
  EXPECT_EQ(inferred(Permute{{1, 0, 1}}, {x}),
            "permute: axes [1, 0, 1] for input 0 (x) f32 (tokens, 4, 8); expected each of its 3 dims once");
  EXPECT_FALSE((Permute{{3, 0, 1}}.infer(std::vector<TensorType>{x}).ok()));
  EXPECT_EQ(inferred(Permute{{1, 0}}, {{DType::kQ4_0, {4, 64}}}),
            "permute: input 0 (x) is q4_0 (4, 64); expected an element type without blocks");
}

}  // namespace
}  // namespace galago::ops
