#include "nn/mlp.h"

namespace galago::nn {

GatedMlp::GatedMlp(std::int64_t hidden_size, std::int64_t intermediate_size, Activation activation, bool bias)
    : gate_proj_(add("gate_proj", Linear(hidden_size, intermediate_size, bias))),
      up_proj_(add("up_proj", Linear(hidden_size, intermediate_size, bias))),
      down_proj_(add("down_proj", Linear(intermediate_size, hidden_size, bias))),
      activation_(activation) {}

Tensor GatedMlp::operator()(const Tensor& x) const {
  const Tensor gate = activate(activation_, gate_proj_(x));
  return down_proj_(gate * up_proj_(x));
}

Mlp::Mlp(std::int64_t hidden_size, std::int64_t intermediate_size, Activation activation, bool bias,
         const MlpNames& names)
    : in_(add(names.in, Linear(hidden_size, intermediate_size, bias))),
      out_(add(names.out, Linear(intermediate_size, hidden_size, bias))),
      activation_(activation) {}

Tensor Mlp::operator()(const Tensor& x) const { return out_(activate(activation_, in_(x))); }

}  // namespace galago::nn
