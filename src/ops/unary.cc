#include "ops/unary.h"

#include <array>
#include <cmath>
#include <numbers>

#include "base/try.h"
#include "galago/ops.h"
#include "ops/executor.h"

namespace galago::ops {
namespace {

struct HiddenAct {
  std::string_view name;
  UnaryKind kind;
};

// The first name of a kind is the one it prints as. gelu_new, gelu_fast and gelu_pytorch_tanh write the same formula
// in three ways.
constexpr std::array kHiddenActs = {
    HiddenAct{"silu", UnaryKind::kSilu},
    HiddenAct{"swish", UnaryKind::kSilu},
    HiddenAct{"gelu", UnaryKind::kGelu},
    HiddenAct{"gelu_python", UnaryKind::kGelu},
    HiddenAct{"gelu_tanh", UnaryKind::kGeluTanh},
    HiddenAct{"gelu_pytorch_tanh", UnaryKind::kGeluTanh},
    HiddenAct{"gelu_python_tanh", UnaryKind::kGeluTanh},
    HiddenAct{"gelu_new", UnaryKind::kGeluTanh},
    HiddenAct{"gelu_fast", UnaryKind::kGeluTanh},
    HiddenAct{"quick_gelu", UnaryKind::kQuickGelu},
    HiddenAct{"relu", UnaryKind::kRelu},
    HiddenAct{"relu2", UnaryKind::kRelu2},
    HiddenAct{"sigmoid", UnaryKind::kSigmoid},
    HiddenAct{"tanh", UnaryKind::kTanh},
};

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

double gelu_tanh(double x) {
  constexpr double kSlope = 0.79788456080286535588;  // sqrt(2 / pi)
  return 0.5 * x * (1.0 + std::tanh(kSlope * (x + 0.044715 * x * x * x)));
}

double evaluate(UnaryKind kind, double x) {
  switch (kind) {
    case UnaryKind::kSilu: return x * sigmoid(x);
    case UnaryKind::kGelu: return 0.5 * x * (1.0 + std::erf(x / std::numbers::sqrt2));
    case UnaryKind::kGeluTanh: return gelu_tanh(x);
    case UnaryKind::kQuickGelu: return x * sigmoid(1.702 * x);
    case UnaryKind::kRelu: return x > 0.0 || std::isnan(x) ? x : 0.0;
    case UnaryKind::kRelu2: return x > 0.0 || std::isnan(x) ? x * x : 0.0;
    case UnaryKind::kSigmoid: return sigmoid(x);
    case UnaryKind::kTanh: return std::tanh(x);
  }
  return x;
}

}  // namespace

std::string_view to_string(UnaryKind kind) {
  for (const HiddenAct& act : kHiddenActs) {
    if (act.kind == kind) return act.name;
  }
  return "unknown";
}

std::optional<UnaryKind> unary_kind(std::string_view hidden_act) {
  for (const HiddenAct& act : kHiddenActs) {
    if (act.name == hidden_act) return act.kind;
  }
  return std::nullopt;
}

float apply(UnaryKind kind, float x) { return static_cast<float>(evaluate(kind, double{x})); }

void Unary::fields(FieldVisitor& visit) const { visit("kind", to_string(kind)); }

Result<TensorTypes> Unary::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"x"});
  GALAGO_CHECK(in.count(1, 1));
  GALAGO_CHECK(in.dtype(0, DType::kF32));
  return TensorTypes{inputs[0]};
}

Status Unary::reference(const ReferenceCall& call) const {
  const float* x = call.inputs[0].floats();
  float* y = call.outputs[0].floats();
  const std::int64_t n = call.outputs[0].elements();
  for (std::int64_t i = 0; i < n; ++i) y[i] = apply(kind, x[i]);
  return {};
}

}  // namespace galago::ops

namespace galago {
namespace {
Tensor unary(ops::UnaryKind kind, const Tensor& x) { return ops::apply_one(ops::Unary{kind}, {x}); }
}  // namespace

Tensor silu(const Tensor& x) { return unary(ops::UnaryKind::kSilu, x); }
Tensor gelu(const Tensor& x) { return unary(ops::UnaryKind::kGelu, x); }
Tensor gelu_tanh(const Tensor& x) { return unary(ops::UnaryKind::kGeluTanh, x); }
Tensor quick_gelu(const Tensor& x) { return unary(ops::UnaryKind::kQuickGelu, x); }
Tensor relu(const Tensor& x) { return unary(ops::UnaryKind::kRelu, x); }
Tensor relu2(const Tensor& x) { return unary(ops::UnaryKind::kRelu2, x); }
Tensor sigmoid(const Tensor& x) { return unary(ops::UnaryKind::kSigmoid, x); }
Tensor tanh(const Tensor& x) { return unary(ops::UnaryKind::kTanh, x); }

}  // namespace galago
