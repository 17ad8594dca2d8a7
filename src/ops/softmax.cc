#include "ops/softmax.h"

#include <algorithm>
#include <cmath>

#include "base/try.h"
#include "galago/ops.h"
#include "ops/executor.h"

namespace galago::ops {

void Softmax::fields(FieldVisitor&) const {}

Result<TensorTypes> Softmax::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"x"});
  GALAGO_CHECK(in.count(1, 1));
  GALAGO_CHECK(in.is_rows(0));
  return TensorTypes{inputs[0]};
}

Status Softmax::reference(const ReferenceCall& call) const {
  const TensorView& x = call.inputs[0];
  const std::int64_t dim = x.columns(), n = x.rows();
  if (dim == 0) return {};
  std::vector<double> powers(static_cast<std::size_t>(dim));
  for (std::int64_t row = 0; row < n; ++row) {
    const float* from = x.floats() + row * dim;
    float* to = call.outputs[0].floats() + row * dim;
    const double max = *std::max_element(from, from + dim);
    double sum = 0.0;
    for (std::int64_t i = 0; i < dim; ++i) {
      double& power = powers[static_cast<std::size_t>(i)];
      power = std::exp(double{from[i]} - max);
      sum += power;
    }
    for (std::int64_t i = 0; i < dim; ++i) to[i] = static_cast<float>(powers[static_cast<std::size_t>(i)] / sum);
  }
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::softmax(const Tensor& x) { return ops::apply_one(ops::Softmax{}, {x}); }
