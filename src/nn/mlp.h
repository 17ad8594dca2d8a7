// The network that a decoder layer has after its attention.
#pragma once

#include <string>

#include "galago/nn.h"
#include "nn/activation.h"

namespace galago::nn {

// y = down(act(gate(x)) * up(x)): gate_proj, up_proj, down_proj
class GatedMlp : public Module {
 public:
  GatedMlp(std::int64_t hidden_size, std::int64_t intermediate_size, Activation activation, bool bias);
  Tensor operator()(const Tensor& x) const;

 private:
  Linear gate_proj_, up_proj_, down_proj_;
  Activation activation_;
};

// How checkpoints call the two linears of an Mlp.
struct MlpNames {
  std::string in = "fc1";
  std::string out = "fc2";
};

// y = out(act(in(x)))
class Mlp : public Module {
 public:
  Mlp(std::int64_t hidden_size, std::int64_t intermediate_size, Activation activation, bool bias,
      const MlpNames& names = {});
  Tensor operator()(const Tensor& x) const;

 private:
  Linear in_, out_;
  Activation activation_;
};

}  // namespace galago::nn
