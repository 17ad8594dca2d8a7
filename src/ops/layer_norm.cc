#include "ops/layer_norm.h"

#include <cmath>

#include "base/try.h"
#include "galago/ops.h"
#include "ops/executor.h"

namespace galago::ops {

void LayerNorm::fields(FieldVisitor& visit) const { visit("eps", eps); }

Result<TensorTypes> LayerNorm::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"x", "weight", "bias"});
  GALAGO_CHECK(in.count(2, 3));
  GALAGO_CHECK(in.is_rows(0));
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    GALAGO_CHECK(in.is(i, DType::kF32, 1));
    GALAGO_CHECK(in.dim(i, 0, inputs[0].shape.dim(-1)));
  }
  return TensorTypes{inputs[0]};
}

Status LayerNorm::reference(const ReferenceCall& call) const {
  const TensorView& x = call.inputs[0];
  const float* weight = call.inputs[1].floats();
  const float* bias = call.inputs.size() > 2 ? call.inputs[2].floats() : nullptr;
  const std::int64_t dim = x.columns(), n = x.rows();
  for (std::int64_t row = 0; row < n; ++row) {
    const float* from = x.floats() + row * dim;
    float* to = call.outputs[0].floats() + row * dim;
    double sum = 0.0;
    for (std::int64_t i = 0; i < dim; ++i) sum += from[i];
    const double mean = sum / static_cast<double>(dim);
    double squares = 0.0;
    for (std::int64_t i = 0; i < dim; ++i) squares += (from[i] - mean) * (from[i] - mean);
    const double factor = 1.0 / std::sqrt(squares / static_cast<double>(dim) + double{eps});
    for (std::int64_t i = 0; i < dim; ++i) {
      to[i] = static_cast<float>((from[i] - mean) * factor * weight[i] + (bias != nullptr ? bias[i] : 0.0f));
    }
  }
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps) {
  const ops::LayerNorm op{eps};
  return bias.identity() == nullptr ? ops::apply_one(op, {x, weight}) : ops::apply_one(op, {x, weight, bias});
}
