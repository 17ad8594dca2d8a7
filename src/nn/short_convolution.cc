#include "nn/short_convolution.h"

#include "ops/causal_conv1d.h"

namespace galago::nn {

ShortConvolution::Kernel::Kernel(const ShortConvolutionConfig& config)
    : weight(values("weight", {config.hidden_size, 1, config.kernel})) {
  if (config.bias) bias = values("bias", {config.hidden_size});
}

ShortConvolution::ShortConvolution(const ShortConvolutionConfig& config)
    : config_(config),
      in_proj_(add("in_proj", Linear(config.hidden_size, 3 * config.hidden_size, config.bias))),
      conv_(add("conv", Kernel(config))),
      out_proj_(add("out_proj", Linear(config.hidden_size, config.hidden_size, config.bias))),
      state_(ops::Recurrent{ops::CausalConv1d::state_elements(config.hidden_size, config.kernel)}) {
  node()->states.push_back(state_.slot());
}

Tensor ShortConvolution::operator()(const Tensor& x) const {
  const std::int64_t width = config_.hidden_size;
  const Tensor parts = in_proj_(x);
  const Tensor b = slice(parts, -1, 0, width), c = slice(parts, -1, width, width),
               v = slice(parts, -1, 2 * width, width);
  const Tensor weight = reshape(conv_.weight, {width, config_.kernel});
  const Tensor mixed = ops::causal_conv1d(b * v, weight, conv_.bias, {.state = state_.number()}, nullptr);
  return out_proj_(c * mixed);
}

}  // namespace galago::nn
