#include "ops/matmul.h"

#include "base/try.h"
#include "galago/ops.h"
#include "ops/dot.h"
#include "ops/executor.h"

namespace galago::ops {

void MatMul::fields(FieldVisitor&) const {}

Result<TensorTypes> MatMul::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"a", "b"});
  GALAGO_CHECK(in.count(2, 2));
  GALAGO_CHECK(in.is(0, DType::kF32, 2));
  GALAGO_CHECK(in.is(1, DType::kF32, 2));
  GALAGO_CHECK(in.dim(1, 1, inputs[0].shape.dim(1)));
  return TensorTypes{{DType::kF32, {inputs[0].shape.dim(0), inputs[1].shape.dim(0)}}};
}

Status MatMul::reference(const ReferenceCall& call) const {
  const TensorView& a = call.inputs[0];
  const TensorView& b = call.inputs[1];
  const std::int64_t m = a.sizes[0], n = b.sizes[0], k = a.columns();
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      call.outputs[0].floats()[i * n + j] = static_cast<float>(dot(a.floats() + i * k, b.floats() + j * k, k));
    }
  }
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::matmul(const Tensor& a, const Tensor& b) { return ops::apply_one(ops::MatMul{}, {a, b}); }
