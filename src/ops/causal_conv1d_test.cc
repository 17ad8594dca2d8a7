#include "ops/causal_conv1d.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ops/executor.h"
#include "ops/shape_rule_test.h"

namespace galago::ops {
namespace {

// Places of three sequences in a recurrent state.
struct Places {
  explicit Places(std::int64_t elements_of_one)
      : values(static_cast<std::size_t>(3 * elements_of_one), 0.0f),
        state{reinterpret_cast<std::byte*>(values.data()), static_cast<std::uint64_t>(elements_of_one) * sizeof(float),
              KvType::kF32, 3} {}

  const StepView* step(std::vector<std::int32_t> rows, std::int32_t n_sequences = 3) {
    sequence = std::move(rows);
    group = {pages.data(), 1, nullptr};
    view = {.n_rows = static_cast<std::int32_t>(sequence.size()),
            .n_sequences = n_sequences,
            .sequence = sequence.data(),
            .groups = std::span(&group, 1),
            .states = std::span(&state, 1)};
    return &view;
  }

  std::vector<float> values;
  std::vector<std::int32_t> sequence, pages = {2, 0, 1};
  StateView state;
  GroupView group;
  StepView view;
};

const Tensor kWeight = Tensor::from(std::vector<float>{1, 10, 100, 2, 0, 0}, {2, 3});

std::vector<float> run(Places& places, const std::vector<float>& x, std::vector<std::int32_t> rows,
                       const Tensor& bias = {}) {
  const auto n = static_cast<std::int64_t>(rows.size());
  const Tensor y = causal_conv1d(Tensor::from(x, {n, 2}), kWeight, bias, {}, places.step(std::move(rows)));
  EXPECT_TRUE(y.ok()) << y.error().message;
  return {y.floats().begin(), y.floats().end()};
}

TEST(CausalConv1d, SeesTheTokensBefore) {
  Places places(4);
  // The first channel weighs the newest most, the second only the oldest of three.
  EXPECT_EQ(run(places, {1, 5, 2, 6, 3, 7, 4, 8}, {0, 0, 0, 0}),
            (std::vector<float>{100, 0, 210, 0, 321, 10, 432, 12}));
  EXPECT_EQ(run(places, {5, 9}, {0}), (std::vector<float>{543, 14}));
}

TEST(CausalConv1d, GoesOnWhereTheStepBeforeEnded) {
  const std::vector<float> x = {1, 5, 2, 6, 3, 7, 4, 8};
  Places whole(4), one_by_one(4);
  const std::vector<float> expected = run(whole, x, {0, 0, 0, 0});
  std::vector<float> found;
  for (std::size_t row = 0; row < 4; ++row) {
    for (const float y : run(one_by_one, {x[2 * row], x[2 * row + 1]}, {0})) found.push_back(y);
  }
  EXPECT_EQ(found, expected);
  EXPECT_EQ(one_by_one.values, whole.values);
}

TEST(CausalConv1d, KeepsSequencesApart) {
  Places places(4);
  run(places, {1, 1, 9, 9}, {0, 2});
  const Tensor bias = Tensor::from(std::vector<float>{0.5f, -1}, {2});
  EXPECT_EQ(run(places, {2, 2, 3, 3, 4, 4}, {0, 1, 2}, bias), (std::vector<float>{210.5f, -1, 300.5f, -1, 490.5f, -1}));
}

TEST(CausalConv1d, AppliesSilu) {
  Places places(4);
  const Tensor x = Tensor::from(std::vector<float>{0.01f, 1}, {1, 2});
  const Tensor y = causal_conv1d(x, kWeight, {}, {.silu = true}, places.step({0}));
  EXPECT_NEAR(y.floats()[0], 1.0 / (1.0 + std::exp(-1.0)), 1e-6);
  EXPECT_EQ(y.floats()[1], 0.0f);
}

TEST(CausalConv1d, NamesWhatIsOutside) {
  Places places(4);
  const auto message = [&](std::vector<std::int32_t> rows, const Tensor& weight = kWeight) {
    const auto n = static_cast<std::int64_t>(rows.size());
    return causal_conv1d(Tensor::zeros({n, 2}), weight, {}, {}, places.step(std::move(rows))).error().message;
  };
  EXPECT_EQ(message({0, 3}), "causal_conv1d: row 1 belongs to sequence 3, after sequence 0; the step has 3");
  EXPECT_EQ(message({1, 0}), "causal_conv1d: row 1 belongs to sequence 0, after sequence 1; the step has 3");
  EXPECT_EQ(message({0}, Tensor::zeros({2, 4})),
            "causal_conv1d: state 0 has 16 bytes a sequence; recurrent(elements=6) need 24");
  places.pages[0] = 3;
  EXPECT_EQ(message({0}), "causal_conv1d: sequence 0 has the place 3 of a state with 3");
  EXPECT_EQ(causal_conv1d(Tensor::zeros({1, 2}), kWeight, {}, {}, nullptr).error().message,
            "causal_conv1d: there is no step; it reads state and runs only within one");
}

TEST(CausalConv1d, SaysWhatDoesNotFit) {
  const Dim tokens = Dim::symbol("tokens", 512);
  EXPECT_EQ(inferred(CausalConv1d{}, {f32({tokens, 8}), f32({8, 3}), f32({8})}), "f32 (tokens, 8)");
  EXPECT_EQ(inferred(CausalConv1d{}, {f32({tokens, 8}), f32({7, 3})}),
            "causal_conv1d: input 1 (weight) is f32 (7, 3); expected size 8 in dim 0");
  EXPECT_EQ(inferred(CausalConv1d{}, {f32({tokens, 8}), f32({8, 1})}),
            "causal_conv1d: input 1 (weight) is f32 (8, 1); expected a constant size of at least 2 in dim 1");
  EXPECT_EQ(inferred(CausalConv1d{-1}, {f32({tokens, 8}), f32({8, 3})}),
            "causal_conv1d: state is -1; expected at least 0");
}

}  // namespace
}  // namespace galago::ops
