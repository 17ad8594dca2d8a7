#include "ops/concat.h"

#include <cstring>

#include "base/checked.h"
#include "base/error.h"
#include "base/try.h"
#include "galago/ops.h"
#include "ops/executor.h"
#include "ops/moved_elements.h"

namespace galago::ops {
namespace {

// The sum of the inputs' sizes along `axis`: constants and any number of times the same symbolic size.
Result<Dim> joined_size(const InputTypes& in, std::span<const TensorType> inputs, int axis) {
  std::int64_t constant = 0, repeats = 0;
  Dim symbolic;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Dim& dim = inputs[i].shape.dim(axis);
    if (dim.is_constant()) {
      const auto sum = checked_add(constant, dim.bound());
      if (!sum) return in.mismatch(i, "sizes whose sum does not overflow");
      constant = *sum;
    } else {
      if (repeats > 0 && !(dim == symbolic)) {
        return in.mismatch(i, fmt::format("size {} in dim {}, or a constant", symbolic.to_string(), axis));
      }
      symbolic = dim;
      ++repeats;
    }
  }
  if (repeats == 0) return Dim(constant);
  return (repeats == 1 ? symbolic : symbolic * repeats) + constant;
}

}  // namespace

void Concat::fields(FieldVisitor& visit) const { visit("axis", axis); }

Result<TensorTypes> Concat::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {});
  GALAGO_CHECK(in.count(1, std::size_t{1} << 20));
  GALAGO_CHECK(expect_plain(in, inputs, 0));
  const Shape& first = inputs[0].shape;
  if (axis < 0 || axis >= first.rank()) {
    return error(ErrorCode::kInvalidArgument, "{}: axis {} of input 0, {}; expected 0 to {}", kName, axis,
                 inputs[0].to_string(), first.rank() - 1);
  }
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    GALAGO_CHECK(in.is(i, inputs[0].dtype, first.rank()));
    for (int d = 0; d < first.rank(); ++d) {
      if (d != axis) GALAGO_CHECK(in.dim(i, d, first.dim(d)));
    }
  }
  TensorType y = inputs[0];
  GALAGO_TRY(y.shape.dim(axis), joined_size(in, inputs, axis));
  return TensorTypes{y};
}

Status Concat::reference(const ReferenceCall& call) const {
  const TensorView& y = call.outputs[0];
  const auto d = static_cast<std::size_t>(axis);
  const std::int64_t outer = elements_between(y, 0, d);
  std::byte* to = y.data;
  for (std::int64_t row = 0; row < outer; ++row) {
    for (const TensorView& x : call.inputs) {
      const auto run = static_cast<std::size_t>(elements_between(x, d, x.sizes.size()) * element_bytes(x.dtype));
      if (run > 0) std::memcpy(to, x.data + static_cast<std::size_t>(row) * run, run);
      to += run;
    }
  }
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::concat(std::span<const Tensor> tensors, int axis) {
  if (axis < 0 && !tensors.empty()) axis += tensors.front().shape().rank();
  return ops::apply_one(ops::Concat{axis}, tensors);
}
