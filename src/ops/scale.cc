#include "ops/scale.h"

#include "base/try.h"
#include "galago/ops.h"
#include "ops/executor.h"

namespace galago::ops {

void Scale::fields(FieldVisitor& visit) const { visit("factor", factor); }

Result<TensorTypes> Scale::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"x"});
  GALAGO_CHECK(in.count(1, 1));
  GALAGO_CHECK(in.dtype(0, DType::kF32));
  return TensorTypes{inputs[0]};
}

Status Scale::reference(const ReferenceCall& call) const {
  const float* x = call.inputs[0].floats();
  float* y = call.outputs[0].floats();
  const std::int64_t n = call.outputs[0].elements();
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] * factor;
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::scale(const Tensor& x, float factor) { return ops::apply_one(ops::Scale{factor}, {x}); }
