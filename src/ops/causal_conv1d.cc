#include "ops/causal_conv1d.h"

#include <cmath>

#include "base/error.h"
#include "base/try.h"
#include "ops/executor.h"
#include "ops/recurrent_state.h"

namespace galago::ops {

void CausalConv1d::fields(FieldVisitor& visit) const {
  visit("state", state);
  if (silu) visit("silu", true);
}

Result<TensorTypes> CausalConv1d::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"x", "weight", "bias"});
  GALAGO_CHECK(in.count(2, 3));
  GALAGO_CHECK(in.is(0, DType::kF32, 2));
  GALAGO_CHECK(in.is(1, DType::kF32, 2));
  const Shape& x = inputs[0].shape;
  const Shape& weight = inputs[1].shape;
  if (!x.dim(1).is_constant()) return in.mismatch(0, "a constant size in dim 1");
  GALAGO_CHECK(in.dim(1, 0, x.dim(1)));
  if (!weight.dim(1).is_constant() || weight.dim(1).bound() < 2) {
    return in.mismatch(1, "a constant size of at least 2 in dim 1");
  }
  if (inputs.size() > 2) {
    GALAGO_CHECK(in.is(2, DType::kF32, 1));
    GALAGO_CHECK(in.dim(2, 0, x.dim(1)));
  }
  if (state < 0) return error(ErrorCode::kInvalidArgument, "{}: state is {}; expected at least 0", kName, state);
  return TensorTypes{inputs[0]};
}

Status CausalConv1d::reference(const ReferenceCall& call) const {
  const TensorView &x = call.inputs[0], &weight = call.inputs[1];
  const std::int64_t channels = x.sizes[1], before = weight.sizes[1] - 1;
  const float* bias = call.inputs.size() > 2 ? call.inputs[2].floats() : nullptr;
  GALAGO_TRY(const RecurrentState states,
             RecurrentState::open(kName, call.step, state, state_elements(channels, before + 1), x.sizes[0]));
  std::vector<float> rows;  // those of the state, then those of the step, of one sequence
  states.for_sequences([&](std::int32_t sequence, std::int32_t first, std::int32_t last) {
    float* kept = states.of_sequence(sequence);
    rows.assign(kept, kept + before * channels);
    rows.insert(rows.end(), x.floats() + first * channels, x.floats() + last * channels);
    for (std::int64_t row = first; row < last; ++row) {
      for (std::int64_t channel = 0; channel < channels; ++channel) {
        double sum = bias != nullptr ? bias[channel] : 0.0;
        for (std::int64_t j = 0; j <= before; ++j) {
          sum += double{weight.floats()[channel * (before + 1) + j]} *
                 rows[static_cast<std::size_t>((row - first + j) * channels + channel)];
        }
        if (silu) sum /= 1.0 + std::exp(-sum);
        call.outputs[0].floats()[row * channels + channel] = static_cast<float>(sum);
      }
    }
    std::copy(rows.end() - before * channels, rows.end(), kept);
  });
  return {};
}

Tensor causal_conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias, const CausalConv1d& op,
                     const StepView* step) {
  if (bias.identity() == nullptr) return apply_one(op, {x, weight}, step);
  return apply_one(op, {x, weight, bias}, step);
}

}  // namespace galago::ops
