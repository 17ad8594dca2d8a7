#include "nn/short_convolution.h"

#include <gtest/gtest.h>

#include <map>

#include "ops/executor.h"

namespace galago::nn {
namespace {

constexpr std::int64_t kWidth = 6, kKernel = 3;

// ConvWeights by name.
class ConvWeights : public WeightSource {
 public:
  ConvWeights() {
    values_["in_proj.weight"] = Tensor::random({3 * kWidth, kWidth}, 1);
    values_["conv.weight"] = Tensor::random({kWidth, 1, kKernel}, 2);
    values_["out_proj.weight"] = Tensor::random({kWidth, kWidth}, 3);
  }
  Result<std::optional<Tensor>> find(std::string_view name) const override {
    const auto found = values_.find(std::string(name));
    return found == values_.end() ? std::nullopt : std::optional<Tensor>(found->second);
  }
  std::string description() const override { return "weights"; }
  std::span<const float> of(const std::string& name) const { return values_.at(name).floats(); }

 private:
  std::map<std::string, Tensor> values_;
};

// Gives stateful ops their step.
class StepExecutor : public ops::Executor {
 public:
  explicit StepExecutor(const ops::StepView& step) : step_(step) {}
  std::vector<Tensor> run(const ops::AnyOp& op, std::span<const Tensor> inputs, const ops::StepView*) override {
    return ops::reference_executor().run(op, inputs, &step_);
  }

 private:
  const ops::StepView& step_;
};

double dot(std::span<const float> row, const double* x) {
  double sum = 0;
  for (std::size_t i = 0; i < row.size(); ++i) sum += double{row[i]} * x[i];
  return sum;
}

// As transformers' Lfm2ShortConv computes it, for a whole sequence at once.
std::vector<double> expected_of_lfm2(const ConvWeights& weights, const Tensor& x) {
  const auto in = weights.of("in_proj.weight"), conv = weights.of("conv.weight"), out = weights.of("out_proj.weight");
  const std::int64_t rows = x.size(0);
  std::vector<double> gated(static_cast<std::size_t>(rows * kWidth)), y;
  for (std::int64_t row = 0; row < rows; ++row) {
    std::vector<double> own(x.floats().begin() + row * kWidth, x.floats().begin() + (row + 1) * kWidth);
    const auto projected = [&](std::int64_t i) {
      return dot(in.subspan(static_cast<std::size_t>(i * kWidth), kWidth), own.data());
    };
    std::vector<double> mixed;
    for (std::int64_t c = 0; c < kWidth; ++c) {
      gated[static_cast<std::size_t>(row * kWidth + c)] = projected(c) * projected(2 * kWidth + c);
      double sum = 0;
      for (std::int64_t j = std::max<std::int64_t>(0, kKernel - 1 - row); j < kKernel; ++j) {
        sum += double{conv[static_cast<std::size_t>(c * kKernel + j)]} *
               gated[static_cast<std::size_t>((row - kKernel + 1 + j) * kWidth + c)];
      }
      mixed.push_back(projected(kWidth + c) * sum);
    }
    for (std::int64_t c = 0; c < kWidth; ++c) {
      y.push_back(dot(out.subspan(static_cast<std::size_t>(c * kWidth), kWidth), mixed.data()));
    }
  }
  return y;
}

TEST(ShortConvolution, IsThatOfLfm2) {
  const ConvWeights weights;
  ShortConvolution layer({.hidden_size = kWidth, .kernel = kKernel});
  ASSERT_TRUE(layer.load(weights).ok());
  EXPECT_EQ(number_states(layer), (std::vector<ops::StateSpec>{ops::Recurrent{2 * kWidth}}));
  const Tensor x = Tensor::random({5, kWidth}, 4);
  const std::vector<double> wanted = expected_of_lfm2(weights, x);

  std::vector<float> kept(2 * kWidth, 0.0f);
  const ops::StateView state{reinterpret_cast<std::byte*>(kept.data()), kept.size() * sizeof(float), KvType::kF32, 1};
  const std::int32_t place = 0;
  const ops::GroupView group{&place, 1, nullptr};
  const std::vector<std::int32_t> sequence(5, 0);
  std::vector<float> found;
  for (const auto& [first, n] : {std::pair{0, 1}, std::pair{1, 4}}) {
    const ops::StepView step{.n_rows = n,
                             .n_sequences = 1,
                             .sequence = sequence.data(),
                             .groups = std::span(&group, 1),
                             .states = std::span(&state, 1)};
    StepExecutor executor(step);
    const ops::ExecutorScope scope(executor);
    const Tensor y = layer(slice(x, 0, first, n));
    ASSERT_TRUE(y.ok()) << y.error().message;
    found.insert(found.end(), y.floats().begin(), y.floats().end());
  }
  ASSERT_EQ(found.size(), wanted.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], wanted[i], 1e-4) << i;
}

}  // namespace
}  // namespace galago::nn
