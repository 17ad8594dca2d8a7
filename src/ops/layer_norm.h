// y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias      x, y: f32 (..., dim)   weight, bias: f32 (dim), bias
// optional The variance is the biased one.      [Ba, Kiros & Hinton 2016]
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct LayerNorm {
  static constexpr std::string_view kName = "layer_norm";
  float eps = 1e-5f;

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
