// y[o] = bias[o] + sum over c, i, j of x[c, row * stride + i - padding, column * stride + j - padding] * weight[o, c,
// i, j] x: f32 (channels, H, W)   weight: (out, channels / groups, kh, kw), any element type   bias: f32 (out),
// optional y: f32 (out, (H + 2 padding - kh) / stride + 1, (W + 2 padding - kw) / stride + 1)
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct Conv2d {
  static constexpr std::string_view kName = "conv2d";
  int stride = 1;
  int padding = 0;
  int groups = 1;

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
