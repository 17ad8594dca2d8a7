#include "ops/embedding.h"

#include "base/error.h"
#include "base/try.h"
#include "galago/ops.h"
#include "ops/executor.h"

namespace galago::ops {

void Embedding::fields(FieldVisitor&) const {}

Result<TensorTypes> Embedding::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"ids", "table"});
  GALAGO_CHECK(in.count(2, 2));
  GALAGO_CHECK(in.is(0, DType::kI32, 1));
  GALAGO_CHECK(in.rank(1, 2));
  return TensorTypes{{DType::kF32, {inputs[0].shape.dim(0), inputs[1].shape.dim(1)}}};
}

Status Embedding::reference(const ReferenceCall& call) const {
  const TensorView& ids = call.inputs[0];
  const TensorView& table = call.inputs[1];
  const std::int64_t dim = table.columns(), n = ids.elements();
  for (std::int64_t t = 0; t < n; ++t) {
    const std::int32_t id = ids.ints()[t];
    if (id < 0 || id >= table.sizes[0]) {
      return error(ErrorCode::kOutOfRange, "{}: input 0 (ids) has {} at {}; expected 0 to {}, the rows of the table",
                   kName, id, t, table.sizes[0] - 1);
    }
    table.decode_row(id, call.outputs[0].floats() + t * dim);
  }
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::embedding(const Tensor& ids, const Tensor& table) {
  return ops::apply_one(ops::Embedding{}, {ids, table});
}
