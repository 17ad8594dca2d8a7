#include "nn/cross_attention.h"

#include <cmath>

#include "ops/executor.h"

namespace galago::nn {
namespace {

std::int64_t row_width(int heads, int head_dim) { return std::int64_t{heads} * head_dim; }

std::int64_t encoder_size(const CrossAttentionConfig& config) {
  return config.encoder_size > 0 ? config.encoder_size : config.hidden_size;
}

}  // namespace

CrossAttention::CrossAttention(const CrossAttentionConfig& config)
    : config_(config),
      q_proj_(add("q_proj", Linear(config.hidden_size, row_width(config.n_heads, config.head_dim), config.qkv_bias))),
      k_proj_(add("k_proj", Linear(encoder_size(config), row_width(config.n_kv_heads, config.head_dim),
                                   config.qkv_bias && config.key_bias))),
      v_proj_(
          add("v_proj", Linear(encoder_size(config), row_width(config.n_kv_heads, config.head_dim), config.qkv_bias))),
      out_proj_(
          add("out_proj", Linear(row_width(config.n_heads, config.head_dim), config.hidden_size, config.output_bias))),
      state_(ops::Static{config.n_kv_heads, config.head_dim, config.head_dim, config.max_tokens}) {
  if (config_.scale == 0.0f) config_.scale = 1.0f / std::sqrt(static_cast<float>(config.head_dim));
  node()->states.push_back(state_.slot());
}

Status CrossAttention::append(const Tensor& rows) const {
  if (!rows.ok()) return rows.error();
  const Shape heads = {rows.shape().dim(0), config_.n_kv_heads, config_.head_dim};
  return ops::kv_append(reshape(k_proj_(rows), heads), reshape(v_proj_(rows), heads), state_.number(), nullptr);
}

Tensor CrossAttention::operator()(const Tensor& x) const {
  if (!x.ok()) return x;
  const Dim tokens = x.shape().dim(0);
  const Tensor q = reshape(q_proj_(x), {tokens, config_.n_heads, config_.head_dim});
  const ops::PagedAttention op{
      .state = state_.number(), .kv_heads = config_.n_kv_heads, .v_dim = config_.head_dim, .scale = config_.scale};
  const Tensor y = ops::apply_one(op, {q});
  return out_proj_(reshape(y, {tokens, row_width(config_.n_heads, config_.head_dim)}));
}

}  // namespace galago::nn
