#include "nn/activation.h"

#include "base/error.h"
#include "ops/executor.h"

namespace galago::nn {

Result<Activation> activation_of(std::string_view hidden_act) {
  const auto kind = ops::unary_kind(hidden_act);
  if (kind) return *kind;
  return error(ErrorCode::kUnsupported, "the activation function \"{}\" is not known here; silu, gelu and relu are",
               hidden_act);
}

Tensor activate(Activation activation, const Tensor& x) { return ops::apply_one(ops::Unary{.kind = activation}, {x}); }

}  // namespace galago::nn
