// y = x[..., start : start + length, ...] along an axis whose size is constant.
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct Slice {
  static constexpr std::string_view kName = "slice";
  int axis = 0;
  std::int64_t start = 0;
  std::int64_t length = 0;

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
