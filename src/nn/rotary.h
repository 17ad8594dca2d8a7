// Rotary position embeddings: the frequencies a configuration asks for, applied to queries and keys.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "galago/tensor.h"
#include "nn/step.h"
#include "ops/rope.h"

namespace galago::nn {

struct RopeConfig {
  int rotary_dim = 0;  // elements of a head that turn; even
  double theta = 10000.0;
  bool interleaved = false;
  std::string scaling;  // "", "linear", "llama3"
  double factor = 1.0;
  double low_freq_factor = 1.0;   // llama3
  double high_freq_factor = 4.0;  // llama3
  std::int64_t original_context = 8192;
  std::vector<float> divisors;  // llama.cpp's rope_freqs: each frequency is divided by its own; empty: none
};

// 1 / theta^(2i / rotary_dim), scaled. Fails on an unknown scaling or sizes that make no sense.
Result<std::vector<float>> rope_frequencies(const RopeConfig& config);

// Shared by all layers that turn alike, so that a program computes its angles once a step.
class Rotary {
 public:
  explicit Rotary(const RopeConfig& config);
  // x: (tokens, heads, head_dim)
  Tensor operator()(const Tensor& x, const Step& step) const;

 private:
  Tensor inv_freq_;  // failed when the configuration is
  ops::Rope op_;
};

}  // namespace galago::nn
