// y = x with its dims in another order: dim i of y is dim axes[i] of x.
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct Permute {
  static constexpr std::string_view kName = "permute";
  std::vector<std::int64_t> axes;

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
