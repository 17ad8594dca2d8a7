#include "nn/norm.h"

#include <fmt/format.h>

namespace galago::nn {
namespace {

Tensor ones(std::int64_t dim) {
  const std::vector<float> values(static_cast<std::size_t>(dim), 1.0f);
  return Tensor::from(values, {dim}).with_name("ones");
}

// What the norm itself is; the weights of kEachHead follow as a product.
NormConfig own(const HeadNormConfig& config) {
  NormConfig norm = config.norm;
  if (config.span == HeadNormSpan::kEachHead) norm.weight = norm.bias = false;
  return norm;
}

}  // namespace

Norm::Norm(const NormConfig& config, std::int64_t dim) : config_(config) {
  if (config.weight) weight_ = values("weight", {dim});
  if (!config.weight) ones_ = ones(dim);
  if (config.bias && config.kind == NormKind::kLayer) bias_ = values("bias", {dim});
  // Weights of kRmsPlusOne are kept less 1: without parameters it is kRms.
  if (!config.weight && config.kind == NormKind::kRmsPlusOne) config_.kind = NormKind::kRms;
  describe(fmt::format("{}({}, eps={:g})", config.kind == NormKind::kLayer ? "LayerNorm" : "RmsNorm", dim, config.eps));
}

Tensor Norm::operator()(const Tensor& x) const {
  const Tensor weight = config_.weight ? weight_.tensor() : ones_;
  if (config_.kind == NormKind::kLayer) return layer_norm(x, weight, bias_, config_.eps);
  return rms_norm(x, weight, config_.eps, config_.kind == NormKind::kRmsPlusOne);
}

HeadNorm::HeadNorm(const HeadNormConfig& config, int heads, int head_dim)
    : Norm(own(config), config.span == HeadNormSpan::kProjection ? std::int64_t{heads} * head_dim : head_dim),
      heads_(heads),
      head_dim_(head_dim),
      span_(config.span) {
  if (span_ != HeadNormSpan::kEachHead) return;
  for (int head = 0; head < heads; ++head) {
    weights_.push_back(values(fmt::format("norms.{}.weight", head), {std::int64_t{head_dim}}));
  }
}

Tensor HeadNorm::operator()(const Tensor& x) const {
  if (!x.ok()) return x;
  const Dim tokens = x.shape().dim(0);
  if (span_ == HeadNormSpan::kProjection) {
    return reshape(Norm::operator()(reshape(x, {tokens, heads_ * head_dim_})), {tokens, heads_, head_dim_});
  }
  if (span_ == HeadNormSpan::kHead) return Norm::operator()(x);
  std::vector<Tensor> rows;
  for (const Parameter& weight : weights_) rows.push_back(weight.tensor().with_shape({1, head_dim_}));
  return Norm::operator()(x) * concat(rows, 0);
}

}  // namespace galago::nn
