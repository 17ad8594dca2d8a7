#include "ops/broadcast.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/try.h"

namespace galago::ops {

Result<TensorTypes> infer_broadcast(std::string_view op, std::span<const TensorType> inputs) {
  const InputTypes in(op, inputs, {"a", "b"});
  GALAGO_CHECK(in.count(2, 2));
  GALAGO_CHECK(in.dtype(0, DType::kF32));
  GALAGO_CHECK(in.dtype(1, DType::kF32));
  const std::vector<Dim>& a = inputs[0].shape.dims();
  const std::vector<Dim>& b = inputs[1].shape.dims();
  if (b.size() > a.size() || !std::equal(b.rbegin(), b.rend(), a.rbegin())) {
    return in.mismatch(1, fmt::format("the shape {} or its last dims", inputs[0].shape.to_string()));
  }
  return TensorTypes{inputs[0]};
}

}  // namespace galago::ops
