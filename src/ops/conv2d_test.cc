#include "ops/conv2d.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"
#include "ops/torch_golden_test.h"
#include "quant/codec.h"

namespace galago::ops {
namespace {

struct Case {
  std::string name;
  int stride, padding, groups;
};

TEST(Conv2d, AgreesWithTorch) {
  const std::vector<Case> cases = {{"plain", 1, 0, 1},     {"strided", 2, 1, 1},   {"grouped", 2, 1, 2},
                                   {"depthwise", 1, 1, 6}, {"pointwise", 1, 0, 1}, {"over_padded", 3, 4, 1}};
  for (const Case& c : cases) {
    const std::string prefix = "conv/" + c.name;
    const Tensor y =
        conv2d(golden("conv/x"), golden(prefix + "/weight"), golden(prefix + "/bias"), c.stride, c.padding, c.groups);
    EXPECT_TRUE(is_close(y, golden(prefix + "/y"), 1e-6)) << c.name;
  }
}

TEST(Conv2d, DecodesWeights) {
  const Tensor x = golden("conv/x"), values = golden("conv/plain/weight");
  Tensor weight = Tensor::zeros(values.shape(), DType::kF16);
  quant::codec(DType::kF16)
      .encode_row(values.floats().data(), weight.mutable_bytes().data(),
                  static_cast<std::int64_t>(values.floats().size()));
  // Multiples of 1/64 below 16 are exact in f16.
  EXPECT_TRUE(is_close(conv2d(x, weight, {}), conv2d(x, values, {}), 0));
}

TEST(Conv2d, SaysWhatDoesNotFit) {
  const TensorType x = f32({6, 9, 11}), weight = f32({4, 6, 3, 3});
  EXPECT_EQ(inferred(Conv2d{2, 1, 1}, {x, weight, f32({4})}), "f32 (4, 5, 6)");
  EXPECT_EQ(inferred(Conv2d{1, 0, 2}, {x, weight}),
            "conv2d: input 1 (weight) is f32 (4, 6, 3, 3); expected size 3 in dim 1");
  EXPECT_EQ(inferred(Conv2d{1, 0, 1}, {f32({6, 2, 11}), weight}),
            "conv2d: input 1 (weight) is f32 (4, 6, 3, 3); expected a kernel of at most 2 in dim 2");
  EXPECT_EQ(inferred(Conv2d{1, 0, 4}, {x, weight}),
            "conv2d: stride=1, padding=0, groups=4; expected a stride of at least 1, no negative padding, and groups "
            "that divide 6 and 4 channels");
  EXPECT_FALSE((Conv2d{0, 0, 1}.infer(std::vector<TensorType>{x, weight}).ok()));
  EXPECT_FALSE((Conv2d{1, -1, 1}.infer(std::vector<TensorType>{x, weight}).ok()));
  EXPECT_TRUE((Conv2d{1, INT32_MAX, 1}.infer(std::vector<TensorType>{x, weight}).ok()));
  EXPECT_EQ(inferred(Conv2d{}, {f32({6, Dim::symbol("height", 9), 11}), weight}),
            "conv2d: input 0 (x) is f32 (6, height, 11); expected constant sizes");
}

TEST(Conv2d, RefusesOutputsBeyondMemory) {
  const Tensor y = conv2d(Tensor::zeros({1, 1, 1}), Tensor::zeros({1, 1, 1, 1}), {}, 1, INT32_MAX);
  EXPECT_FALSE(y.ok());
}

}  // namespace
}  // namespace galago::ops
