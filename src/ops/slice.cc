#include "ops/slice.h"

#include <fmt/format.h>

#include <cstring>

#include "base/error.h"
#include "base/try.h"
#include "galago/ops.h"
#include "ops/executor.h"
#include "ops/moved_elements.h"

namespace galago::ops {

void Slice::fields(FieldVisitor& visit) const {
  visit("axis", axis);
  visit("start", start);
  visit("length", length);
}

Result<TensorTypes> Slice::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"x"});
  GALAGO_CHECK(in.count(1, 1));
  GALAGO_CHECK(expect_plain(in, inputs, 0));
  const Shape& x = inputs[0].shape;
  if (axis < 0 || axis >= x.rank()) {
    return error(ErrorCode::kInvalidArgument, "{}: axis {} of input 0 (x) {}; expected 0 to {}", kName, axis,
                 inputs[0].to_string(), x.rank() - 1);
  }
  const Dim& size = x.dim(axis);
  if (!size.is_constant()) return in.mismatch(0, fmt::format("a constant size in dim {}", axis));
  if (start < 0 || length < 0 || start > size.bound() || length > size.bound() - start) {
    return error(ErrorCode::kInvalidArgument,
                 "{}: start {} and length {} in dim {} of input 0 (x) {}; expected a part "
                 "of it",
                 kName, start, length, axis, inputs[0].to_string());
  }
  TensorType y = inputs[0];
  y.shape.dim(axis) = length;
  return TensorTypes{y};
}

Status Slice::reference(const ReferenceCall& call) const {
  const TensorView& x = call.inputs[0];
  const auto d = static_cast<std::size_t>(axis);
  const std::int64_t outer = elements_between(x, 0, d);
  const std::int64_t inner = elements_between(x, d + 1, x.sizes.size()) * element_bytes(x.dtype);
  const auto run = static_cast<std::size_t>(length * inner);
  if (run == 0) return {};
  for (std::int64_t row = 0; row < outer; ++row) {
    std::memcpy(call.outputs[0].data + static_cast<std::size_t>(row) * run, x.data + (row * x.sizes[d] + start) * inner,
                run);
  }
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::slice(const Tensor& x, int axis, std::int64_t start, std::int64_t length) {
  return ops::apply_one(ops::Slice{axis < 0 ? axis + x.shape().rank() : axis, start, length}, {x});
}
