// The activation functions between layers' products, as configurations name them.
#pragma once

#include <string_view>

#include "galago/tensor.h"
#include "ops/unary.h"

namespace galago::nn {

using Activation = ops::UnaryKind;

// By the names of Hugging Face configs: "silu", "gelu_pytorch_tanh", ... Fails on an unknown one.
Result<Activation> activation_of(std::string_view hidden_act);
Tensor activate(Activation activation, const Tensor& x);

}  // namespace galago::nn
