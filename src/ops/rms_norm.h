// y = x / sqrt(mean(x * x) + eps) * weight      x, y: f32 (..., dim)   weight: f32 (dim)      [Zhang & Sennrich 2019]
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct RmsNorm {
  static constexpr std::string_view kName = "rms_norm";
  float eps = 1e-6f;
  bool weight_plus_one = false;  // Hugging Face's Gemma stores weight - 1

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
