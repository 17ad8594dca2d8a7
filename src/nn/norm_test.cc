#include "nn/norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "nn/weights_test.h"

namespace galago::nn {
namespace {

Tensor row(std::vector<float> values) { return Tensor::from(values, {1, static_cast<std::int64_t>(values.size())}); }

Tensor vector(std::vector<float> values) { return Tensor::from(values, {static_cast<std::int64_t>(values.size())}); }

void expect_row(const Tensor& y, const std::vector<float>& expected) {
  ASSERT_TRUE(y.ok()) << y.error().message;
  ASSERT_EQ(y.floats().size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(y.floats()[i], expected[i], 1e-5) << i;
}

// x = (1, 7): rms 5, mean 4, standard deviation 3.
struct Case {
  const char* name;
  NormConfig config;
  std::vector<float> expected;  // with weights (2, 3) and bias (10, 20)
};

TEST(Norm, ComputesEachKind) {
  const Case cases[] = {
      {"rms", {.kind = NormKind::kRms, .eps = 0}, {0.4f, 4.2f}},
      {"rms + 1", {.kind = NormKind::kRmsPlusOne, .eps = 0}, {0.6f, 5.6f}},
      {"rms without weight", {.kind = NormKind::kRms, .eps = 0, .weight = false}, {0.2f, 1.4f}},
      {"rms + 1 without weight", {.kind = NormKind::kRmsPlusOne, .eps = 0, .weight = false}, {0.2f, 1.4f}},
      {"eps", {.kind = NormKind::kRms, .eps = 75, .weight = false}, {0.1f, 0.7f}},
      {"layer", {.kind = NormKind::kLayer, .eps = 0}, {-2, 3}},
      {"layer with bias", {.kind = NormKind::kLayer, .eps = 0, .bias = true}, {8, 23}},
      {"layer without parameters", {.kind = NormKind::kLayer, .eps = 0, .weight = false}, {-1, 1}},
  };
  for (const Case& norm : cases) {
    SCOPED_TRACE(norm.name);
    Weights weights;
    if (norm.config.weight) weights.tensors["norm.weight"] = vector({2, 3});
    if (norm.config.bias) weights.tensors["norm.bias"] = vector({10, 20});
    Norm module(norm.config, 2);
    const Status loaded = module.load(weights, "norm");
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    expect_row(module(row({1, 7})), norm.expected);
  }
}

TEST(Norm, DescribesItselfAsCheckpointsAreListed) {
  EXPECT_NE(Norm({.kind = NormKind::kLayer, .eps = 1e-5f}, 4).to_string().find("LayerNorm(4, eps=1e-05)"),
            std::string::npos);
  EXPECT_EQ(Norm({.weight = false}, 4).parameter_count(), 0);
}

Tensor heads(std::vector<float> values) { return Tensor::from(values, {1, 2, 2}); }

TEST(HeadNorm, SharesOneWeightAmongHeads) {
  HeadNorm norm({.norm = {.eps = 0}}, 2, 2);
  Weights weights;
  weights.tensors["weight"] = vector({2, 3});
  ASSERT_TRUE(norm.load(weights).ok());
  expect_row(norm(heads({1, 7, 7, 1})), {0.4f, 4.2f, 2.8f, 0.6f});
}

TEST(HeadNorm, HasAWeightForEachHead) {
  HeadNorm norm({.norm = {.kind = NormKind::kLayer, .eps = 0}, .span = HeadNormSpan::kEachHead}, 2, 2);
  Weights weights;
  weights.tensors["norms.0.weight"] = vector({2, 3});
  weights.tensors["norms.1.weight"] = vector({5, 7});
  const Status loaded = norm.load(weights);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  expect_row(norm(heads({1, 7, 1, 7})), {-2, 3, -5, 7});
}

TEST(HeadNorm, TakesTheWholeProjection) {
  HeadNorm norm({.norm = {.eps = 0}, .span = HeadNormSpan::kProjection}, 2, 2);
  Weights weights;
  weights.tensors["weight"] = vector({1, 2, 3, 4});
  ASSERT_TRUE(norm.load(weights).ok());
  const float rms = std::sqrt((1.0f + 49 + 9 + 81) / 4);
  expect_row(norm(heads({1, 7, 3, 9})), {1 / rms, 14 / rms, 9 / rms, 36 / rms});
}

}  // namespace
}  // namespace galago::nn
