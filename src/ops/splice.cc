#include "ops/splice.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"
#include "galago/ops.h"
#include "ops/executor.h"

namespace galago::ops {

void Splice::fields(FieldVisitor&) const {}

Result<TensorTypes> Splice::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"x", "rows", "index"});
  GALAGO_CHECK(in.count(3, 3));
  GALAGO_CHECK(in.is(0, DType::kF32, 2));
  GALAGO_CHECK(in.is(1, DType::kF32, 2));
  GALAGO_CHECK(in.dim(1, 1, inputs[0].shape.dim(1)));
  GALAGO_CHECK(in.is(2, DType::kI32, 1));
  GALAGO_CHECK(in.dim(2, 0, inputs[0].shape.dim(0)));
  return TensorTypes{inputs[0]};
}

Status Splice::reference(const ReferenceCall& call) const {
  const TensorView& x = call.inputs[0];
  const TensorView& rows = call.inputs[1];
  const std::int64_t dim = x.columns();
  for (std::int64_t t = 0; t < x.sizes[0]; ++t) {
    const std::int32_t row = call.inputs[2].ints()[t];
    if (row >= rows.sizes[0]) {
      return error(ErrorCode::kOutOfRange,
                   "{}: input 2 (index) has {} at {}; expected less than {}, the rows to insert", kName, row, t,
                   rows.sizes[0]);
    }
    const float* from = row < 0 ? x.floats() + t * dim : rows.floats() + row * dim;
    std::copy_n(from, dim, call.outputs[0].floats() + t * dim);
  }
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::splice(const Tensor& x, const Tensor& rows, const Tensor& index) {
  return ops::apply_one(ops::Splice{}, {x, rows, index});
}
