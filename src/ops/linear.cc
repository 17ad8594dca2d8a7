#include "ops/linear.h"

#include "base/try.h"
#include "galago/ops.h"
#include "ops/dot.h"
#include "ops/executor.h"

namespace galago::ops {

void Linear::fields(FieldVisitor&) const {}

Result<TensorTypes> Linear::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"x", "weight", "bias"});
  GALAGO_CHECK(in.count(2, 3));
  GALAGO_CHECK(in.is_rows(0));
  GALAGO_CHECK(in.rank(1, 2));
  GALAGO_CHECK(in.dim(1, 1, inputs[0].shape.dim(-1)));
  if (inputs.size() > 2) {
    GALAGO_CHECK(in.is(2, DType::kF32, 1));
    GALAGO_CHECK(in.dim(2, 0, inputs[1].shape.dim(0)));
  }
  TensorType y = inputs[0];
  y.shape.dim(-1) = inputs[1].shape.dim(0);
  return TensorTypes{y};
}

Status Linear::reference(const ReferenceCall& call) const {
  const TensorView& x = call.inputs[0];
  const TensorView& weight = call.inputs[1];
  const std::int64_t n_in = x.columns(), n_out = weight.rows(), n = x.rows();
  float* y = call.outputs[0].floats();
  std::vector<float> weight_row(static_cast<std::size_t>(n_in));
  const float* bias = call.inputs.size() > 2 ? call.inputs[2].floats() : nullptr;
  for (std::int64_t out = 0; out < n_out; ++out) {
    weight.decode_row(out, weight_row.data());
    const float start = bias != nullptr ? bias[out] : 0.0f;
    for (std::int64_t row = 0; row < n; ++row) {
      y[row * n_out + out] = static_cast<float>(dot(x.floats() + row * n_in, weight_row.data(), n_in) + start);
    }
  }
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const ops::Linear op;
  return bias.identity() == nullptr ? ops::apply_one(op, {x, weight}) : ops::apply_one(op, {x, weight, bias});
}
