// The gated convolution that stands in attention's place in some layers [Lfm2].
#pragma once

#include "galago/nn.h"
#include "nn/state.h"

namespace galago::nn {

struct ShortConvolutionConfig {
  std::int64_t hidden_size = 0;
  int kernel = 3;  // tokens that a row sees, itself the last
  bool bias = false;
};

// b, c, v = in_proj(x) in three parts; y = out_proj(c * conv(b * v)), where conv goes along the tokens of a sequence,
// each channel by itself: in_proj, conv, out_proj.
class ShortConvolution : public Module {
 public:
  explicit ShortConvolution(const ShortConvolutionConfig& config);
  // x, y: (tokens, hidden_size)
  Tensor operator()(const Tensor& x) const;

 private:
  // weight: (hidden_size, 1, kernel)
  class Kernel : public Module {
   public:
    explicit Kernel(const ShortConvolutionConfig& config);
    Parameter weight, bias;
  };

  ShortConvolutionConfig config_;
  Linear in_proj_;
  Kernel conv_;
  Linear out_proj_;
  State state_;
};

}  // namespace galago::nn
