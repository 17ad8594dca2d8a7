// The shape rule of element-wise ops on two tensors, and how the second is repeated.
#pragma once

#include "ops/op.h"

namespace galago::ops {

// a: f32, any shape   b: f32, a's shape or its last dims
Result<TensorTypes> infer_broadcast(std::string_view op, std::span<const TensorType> inputs);

// out[i] = f(a[i], b[i mod the size of b])
template <class F>
void broadcast(const ReferenceCall& call, F f) {
  const float* a = call.inputs[0].floats();
  const float* b = call.inputs[1].floats();
  float* out = call.outputs[0].floats();
  const std::int64_t period = call.inputs[1].elements();
  const std::int64_t n = call.outputs[0].elements();
  for (std::int64_t i = 0; i < n; ++i) out[i] = f(a[i], b[i % period]);
}

}  // namespace galago::ops
