// Averages over bins: output row i covers input rows floor(i * H / height) up to ceil((i + 1) * H / height); bins
// overlap where height does not divide H.      x: f32 (channels, H, W)   y: f32 (channels, height, width) [PyTorch]
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct AdaptiveAvgPool2d {
  static constexpr std::string_view kName = "adaptive_avg_pool2d";
  int height = 0;
  int width = 0;

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
