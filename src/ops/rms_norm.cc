#include "ops/rms_norm.h"

#include <cmath>

#include "base/try.h"
#include "galago/ops.h"
#include "ops/dot.h"
#include "ops/executor.h"

namespace galago::ops {

void RmsNorm::fields(FieldVisitor& visit) const {
  visit("eps", eps);
  visit("weight_plus_one", weight_plus_one);
}

Result<TensorTypes> RmsNorm::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"x", "weight"});
  GALAGO_CHECK(in.count(2, 2));
  GALAGO_CHECK(in.is_rows(0));
  GALAGO_CHECK(in.is(1, DType::kF32, 1));
  GALAGO_CHECK(in.dim(1, 0, inputs[0].shape.dim(-1)));
  return TensorTypes{inputs[0]};
}

Status RmsNorm::reference(const ReferenceCall& call) const {
  const TensorView& x = call.inputs[0];
  const float* weight = call.inputs[1].floats();
  const std::int64_t dim = x.columns(), n = x.rows();
  const double shift = weight_plus_one ? 1.0 : 0.0;
  for (std::int64_t row = 0; row < n; ++row) {
    const float* from = x.floats() + row * dim;
    float* to = call.outputs[0].floats() + row * dim;
    const double factor = 1.0 / std::sqrt(dot(from, from, dim) / static_cast<double>(dim) + double{eps});
    for (std::int64_t i = 0; i < dim; ++i) to[i] = static_cast<float>(from[i] * factor * (weight[i] + shift));
  }
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::rms_norm(const Tensor& x, const Tensor& weight, float eps, bool weight_plus_one) {
  return ops::apply_one(ops::RmsNorm{eps, weight_plus_one}, {x, weight});
}
