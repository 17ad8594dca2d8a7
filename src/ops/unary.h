// y = f(x), element by element: the activation functions.      x, y: f32, any shape
#pragma once

#include <optional>

#include "ops/op.h"

namespace galago::ops {

enum class UnaryKind : std::uint8_t {
  kSilu,       // x / (1 + exp(-x))
  kGelu,       // x / 2 * (1 + erf(x / sqrt(2)))
  kGeluTanh,   // x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
  kQuickGelu,  // x / (1 + exp(-1.702 x))
  kRelu,
  kRelu2,  // max(x, 0)^2
  kSigmoid,
  kTanh,
};

std::string_view to_string(UnaryKind kind);
// By the names of Hugging Face configs (hidden_act): silu, swish, gelu, gelu_pytorch_tanh, gelu_new, quick_gelu, ...
std::optional<UnaryKind> unary_kind(std::string_view hidden_act);
// The scalar function, in float.
float apply(UnaryKind kind, float x);

struct Unary {
  static constexpr std::string_view kName = "unary";
  UnaryKind kind = UnaryKind::kSilu;
  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
