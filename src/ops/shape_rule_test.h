// What a shape rule says: the types it infers as text, or its error's message.
#pragma once

#include <initializer_list>
#include <string>

#include "ops/op.h"

namespace galago::ops {

inline TensorType f32(Shape shape) { return {DType::kF32, std::move(shape)}; }
inline TensorType i32(Shape shape) { return {DType::kI32, std::move(shape)}; }

template <class Op>
std::string inferred(const Op& op, std::initializer_list<TensorType> inputs) {
  const auto types = op.infer(std::span<const TensorType>(inputs.begin(), inputs.size()));
  if (!types.ok()) return types.error().message;
  std::string text;
  for (const TensorType& type : *types) text += (text.empty() ? "" : ", ") + type.to_string();
  return text;
}

}  // namespace galago::ops
