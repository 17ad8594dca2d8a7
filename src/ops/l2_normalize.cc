#include "ops/l2_normalize.h"

#include <algorithm>
#include <cmath>

#include "base/try.h"
#include "galago/ops.h"
#include "ops/dot.h"
#include "ops/executor.h"

namespace galago::ops {

void L2Normalize::fields(FieldVisitor& visit) const { visit("eps", eps); }

Result<TensorTypes> L2Normalize::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"x"});
  GALAGO_CHECK(in.count(1, 1));
  GALAGO_CHECK(in.is_rows(0));
  return TensorTypes{inputs[0]};
}

Status L2Normalize::reference(const ReferenceCall& call) const {
  const TensorView& x = call.inputs[0];
  const std::int64_t dim = x.columns(), n = x.rows();
  for (std::int64_t row = 0; row < n; ++row) {
    const float* from = x.floats() + row * dim;
    float* to = call.outputs[0].floats() + row * dim;
    const double norm = std::max(std::sqrt(dot(from, from, dim)), double{eps});
    for (std::int64_t i = 0; i < dim; ++i) to[i] = static_cast<float>(from[i] / norm);
  }
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::l2_normalize(const Tensor& x, float eps) { return ops::apply_one(ops::L2Normalize{eps}, {x}); }
