#include "ops/gather_rows.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"
#include "galago/ops.h"
#include "ops/executor.h"

namespace galago::ops {

void GatherRows::fields(FieldVisitor&) const {}

Result<TensorTypes> GatherRows::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"x", "index"});
  GALAGO_CHECK(in.count(2, 2));
  GALAGO_CHECK(in.is(0, DType::kF32, 2));
  GALAGO_CHECK(in.is(1, DType::kI32, 1));
  return TensorTypes{{DType::kF32, {inputs[1].shape.dim(0), inputs[0].shape.dim(1)}}};
}

Status GatherRows::reference(const ReferenceCall& call) const {
  const TensorView& x = call.inputs[0];
  const TensorView& index = call.inputs[1];
  const std::int64_t dim = x.columns(), n = index.elements();
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int32_t row = index.ints()[i];
    if (row < 0 || row >= x.sizes[0]) {
      return error(ErrorCode::kOutOfRange, "{}: input 1 (index) has {} at {}; expected 0 to {}, the rows of x", kName,
                   row, i, x.sizes[0] - 1);
    }
    std::copy_n(x.floats() + row * dim, dim, call.outputs[0].floats() + i * dim);
  }
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::gather_rows(const Tensor& x, const Tensor& index) {
  return ops::apply_one(ops::GatherRows{}, {x, index});
}
