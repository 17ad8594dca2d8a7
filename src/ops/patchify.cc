#include "ops/patchify.h"

#include <algorithm>

#include "base/checked.h"
#include "base/error.h"
#include "base/try.h"
#include "galago/ops.h"
#include "ops/executor.h"

namespace galago::ops {

void Patchify::fields(FieldVisitor& visit) const {
  visit("height", height);
  visit("width", width);
}

Result<TensorTypes> Patchify::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"x"});
  GALAGO_CHECK(in.count(1, 1));
  GALAGO_CHECK(in.is(0, DType::kF32, 3));
  if (!inputs[0].shape.is_constant() || !inputs[0].shape.max_elements()) return in.mismatch(0, "constant sizes");
  const auto patch = checked_mul(std::int64_t{height}, std::int64_t{width});
  const auto columns = patch ? checked_mul(*patch, inputs[0].shape.dim(0).bound()) : std::nullopt;
  if (height < 1 || width < 1 || !columns) {
    return error(ErrorCode::kInvalidArgument, "{}: patches of {} x {}; expected at least 1 x 1", kName, height, width);
  }
  const std::int64_t rows = (inputs[0].shape.dim(1).bound() / height) * (inputs[0].shape.dim(2).bound() / width);
  return TensorTypes{{DType::kF32, {rows, *columns}}};
}

Status Patchify::reference(const ReferenceCall& call) const {
  const TensorView& x = call.inputs[0];
  const std::int64_t channels = x.sizes[0], x_height = x.sizes[1], x_width = x.sizes[2];
  float* to = call.outputs[0].floats();
  for (std::int64_t top = 0; top + height <= x_height; top += height) {
    for (std::int64_t left = 0; left + width <= x_width; left += width) {
      for (std::int64_t channel = 0; channel < channels; ++channel) {
        for (std::int64_t row = top; row < top + height; ++row) {
          to = std::copy_n(x.floats() + (channel * x_height + row) * x_width + left, width, to);
        }
      }
    }
  }
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::patchify(const Tensor& x, int height, int width) {
  return ops::apply_one(ops::Patchify{height, width}, {x});
}
