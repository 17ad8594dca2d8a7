// The formulas are compared with transformers' in models/rope_config_test.cc.
#include "nn/rotary.h"

#include <gtest/gtest.h>

#include <limits>

#include "graph/trace.h"

namespace galago::nn {
namespace {

RopeConfig with(RopeScaling scaling) {
  return {.rotary_dim = 8, .theta = 10000.0, .scaling = std::move(scaling), .trained_context = 64};
}

TEST(Rotary, ScalesLinearly) {
  const auto plain = rope_frequencies(with({}));
  const auto scaled = rope_frequencies(with(LinearScaling{4.0}));
  ASSERT_TRUE(plain.ok() && scaled.ok());
  EXPECT_FLOAT_EQ(plain->inv_freq[0], 1.0f);
  EXPECT_FLOAT_EQ(plain->inv_freq[1], 0.1f);
  EXPECT_FLOAT_EQ(scaled->inv_freq[0], 0.25f) << "a longer context turns more slowly";
}

TEST(Rotary, ScalesAsLlama3Does) {
  const auto scaled = rope_frequencies(with(Llama3Scaling{.factor = 8, .original_context = 256}));
  ASSERT_TRUE(scaled.ok());
  EXPECT_FLOAT_EQ(scaled->inv_freq[0], 1.0f) << "wavelength 6 is short against 256 / 4";
  EXPECT_FLOAT_EQ(scaled->inv_freq[3], 0.001f / 8) << "wavelength 6283 is long against 256";
  EXPECT_GT(scaled->inv_freq[1], 0.1f / 8);
  EXPECT_LT(scaled->inv_freq[1], 0.1f + 1e-6f);
}

TEST(Rotary, DividesByWhatLlamaCppStores) {
  RopeConfig config = with({});
  config.divisors = {1, 2, 4, 8};
  EXPECT_FLOAT_EQ(rope_frequencies(config)->inv_freq[3], 0.001f / 8);
}

TEST(Rotary, TakesTheLengthThatIsDeclared) {
  const LongScaling scaling{.short_factor = {1, 1, 1, 1}, .long_factor = {2, 2, 2, 2}, .original_context = 32};
  RopeConfig config = with(scaling);
  EXPECT_FLOAT_EQ(rope_frequencies(config)->inv_freq[0], 0.5f) << "the trained context is longer than the original";
  config.sequence_length = 32;
  EXPECT_FLOAT_EQ(rope_frequencies(config)->inv_freq[0], 1.0f);
  EXPECT_GT(rope_frequencies(config)->attention_factor, 1.0f) << "of any length";
  config.sequence_length = 33;
  EXPECT_FLOAT_EQ(rope_frequencies(config)->inv_freq[0], 0.5f);
}

TEST(Rotary, RefusesWhatMakesNoSense) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  const LongScaling short_list{.short_factor = {1}, .long_factor = {1}, .original_context = 32};
  const LongScaling zero{.short_factor = {1, 1, 1, 1}, .long_factor = {1, 1, 0, 1}, .original_context = 32};
  const RopeConfig configs[] = {
      {.rotary_dim = 7},
      {.rotary_dim = 0},
      {.rotary_dim = 8, .theta = 0.0},
      {.rotary_dim = 8, .theta = kInfinite},
      {.rotary_dim = 8, .divisors = {1, 2}},
      {.rotary_dim = 2, .scaling = DynamicScaling{2.0}, .trained_context = 64},
      {.rotary_dim = 8, .scaling = DynamicScaling{2.0}},
      with(LinearScaling{0.0}),
      with(LinearScaling{-1.0}),
      with(YarnScaling{.factor = 2.0}),
      with(YarnScaling{.factor = 2.0, .original_context = 64, .attention_factor = -1.0}),
      with(Llama3Scaling{.factor = 2.0, .low_freq_factor = 4.0, .high_freq_factor = 4.0, .original_context = 64}),
      with(ProportionalScaling{.proportion = 1.5}),
      with(short_list),
      with(zero),
  };
  for (const RopeConfig& config : configs) {
    EXPECT_FALSE(rope_frequencies(config).ok()) << &config - configs;
    EXPECT_FALSE(Rotary(config)(Tensor::zeros({1, 1, 8}), {.positions = Tensor::zeros({1, 1}, DType::kI32)}).ok());
  }
}

TEST(Rotary, TurnsPartOfAHeadByWhatTheConfigurationSays) {
  RopeConfig config{.rotary_dim = 2, .theta = 10000.0, .scaling = YarnScaling{.factor = 4, .original_context = 64}};
  const Tensor x = Tensor::from(std::vector<float>{1, 0, 5, 6}, {1, 1, 4});
  const Step step{.positions = Tensor::zeros({1, 1}, DType::kI32)};
  const Tensor y = Rotary(config)(x, step);
  ASSERT_TRUE(y.ok()) << y.error().message;
  EXPECT_FLOAT_EQ(y.floats()[0], rope_frequencies(config)->attention_factor);
  EXPECT_GT(y.floats()[0], 1.1f);
  EXPECT_EQ(y.floats()[2], 5.0f);
  EXPECT_EQ(y.floats()[3], 6.0f);
}

TEST(Rotaries, ShareWhatIsEqual) {
  Rotaries rotaries;
  const std::vector<graph::TraceInput> inputs = {{"x", {DType::kF32, {3, 1, 8}}}, {"positions", {DType::kI32, {1, 3}}}};
  const auto traced = graph::trace("ropes", inputs, {}, [&](const graph::TracedInputs& in) {
    const Step step{.positions = in["positions"]};
    Tensor x = in["x"];
    for (const double theta : {1e4, 1e6, 1e4}) {
      x = rotaries.of({.rotary_dim = 8, .theta = theta})(x, step);
    }
    return std::vector<graph::NamedTensor>{{"y", x}};
  });
  ASSERT_TRUE(traced.ok()) << traced.error().message;
  ASSERT_EQ(traced->nodes.size(), 3u);
  EXPECT_EQ(traced->nodes[0].inputs[2], traced->nodes[2].inputs[2]);
  EXPECT_NE(traced->nodes[0].inputs[2], traced->nodes[1].inputs[2]);
}

}  // namespace
}  // namespace galago::nn
