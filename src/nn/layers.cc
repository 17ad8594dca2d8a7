#include <fmt/format.h>

#include "galago/nn.h"

namespace galago::nn {

Linear::Linear(std::int64_t in, std::int64_t out, bool bias) {
  weight_ = weight("weight", {out, in});
  if (bias) bias_ = values("bias", {out});
  describe(fmt::format("Linear({} -> {}{})", in, out, bias ? ", bias" : ""));
}

Embedding::Embedding(std::int64_t vocab, std::int64_t dim) {
  weight_ = weight("weight", {vocab, dim});
  describe(fmt::format("Embedding({}, {})", vocab, dim));
}

RmsNorm::RmsNorm(std::int64_t dim, float eps, bool weight_plus_one) : eps_(eps), weight_plus_one_(weight_plus_one) {
  weight_ = values("weight", {dim});
  describe(fmt::format("RmsNorm({}, eps={:g})", dim, eps));
}

LayerNorm::LayerNorm(std::int64_t dim, float eps, bool bias) : eps_(eps) {
  weight_ = values("weight", {dim});
  if (bias) bias_ = values("bias", {dim});
  describe(fmt::format("LayerNorm({}, eps={:g})", dim, eps));
}

Conv2d::Conv2d(std::int64_t in, std::int64_t out, std::int64_t kernel, Options options) : options_(options) {
  weight_ = weight("weight", {out, in / options.groups, kernel, kernel});
  if (options.bias) bias_ = values("bias", {out});
  describe(fmt::format("Conv2d({} -> {}, kernel={}, stride={}, padding={}, groups={})", in, out, kernel, options.stride,
                       options.padding, options.groups));
}

}  // namespace galago::nn
