#include "ops/conformance_cases.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "ops/executor.h"
#include "quant/codec.h"

namespace galago::ops {
namespace {

TEST(ConformanceCases, EveryOpAndWeightTypeIsThere) {
  std::set<std::size_t> ops;
  std::set<DType> weights;
  const auto cases = conformance_cases();
  for (const ConformanceCase& c : cases) {
    ops.insert(c.op.index());
    if (std::holds_alternative<Linear>(c.op)) weights.insert(c.inputs[1].dtype());
  }
  EXPECT_EQ(ops.size(), std::variant_size_v<AnyOp> - 1) << "all but monostate";
  EXPECT_EQ(weights.size(), 3u + 25u) << "f32, f16, bf16 and every block format";
}

TEST(ConformanceCases, RunOnTheReferenceAndGiveFiniteNumbers) {
  for (const ConformanceCase& c : conformance_cases()) {
    std::vector<std::byte> state;
    StateView state_view;
    GroupView group;
    StepView step;
    if (c.step) {
      state = c.step->initial_state();
      state_view = c.step->state_view(state);
      group = c.step->group();
      step = c.step->view(state_view, group);
    }
    for (const Tensor& input : c.inputs) ASSERT_TRUE(input.ok()) << c.name << ": " << input.error().message;
    const std::vector<std::byte> before = state;
    for (const Tensor& output : apply(c.op, c.inputs, c.step ? &step : nullptr)) {
      ASSERT_TRUE(output.ok()) << c.name << ": " << output.error().message;
      for (const float value : output.floats()) ASSERT_TRUE(std::isfinite(value)) << c.name;
    }
    EXPECT_EQ(before != state, writes_state(c.op)) << c.name;
  }
}

TEST(ConformanceCases, AreTheSameEveryTime) {
  const auto a = conformance_cases(), b = conformance_cases();
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].name, b[i].name);
    for (std::size_t j = 0; j < a[i].inputs.size(); ++j) {
      const auto x = a[i].inputs[j].bytes(), y = b[i].inputs[j].bytes();
      ASSERT_TRUE(std::equal(x.begin(), x.end(), y.begin(), y.end())) << a[i].name;
    }
  }
}

TEST(RandomWeight, DecodesToValuesOfUnitSize) {
  for (const DType dtype : {DType::kQ4_K, DType::kQ6_K, DType::kIQ1_M, DType::kNVFP4, DType::kQ4_1, DType::kF16}) {
    const Tensor weight = random_weight(dtype, {2, 512}, 5);
    ASSERT_TRUE(weight.ok()) << weight.error().message;
    std::vector<float> values(1024);
    quant::codec(dtype).decode_row(weight.bytes().data(), values.data(), 1024);
    float largest = 0;
    for (const float value : values) {
      ASSERT_TRUE(std::isfinite(value)) << name(dtype);
      largest = std::max(largest, std::fabs(value));
    }
    EXPECT_GE(largest, 0.25f) << name(dtype);
    EXPECT_LE(largest, 8.0f) << name(dtype);
  }
}

}  // namespace
}  // namespace galago::ops
