#include "nn/attention.h"

#include <cmath>

#include "ops/executor.h"

namespace galago::nn {
namespace {

std::int64_t width(int heads, int head_dim) { return std::int64_t{heads} * head_dim; }

Linear keys(const AttentionConfig& config, bool bias) {
  return Linear(config.hidden_size, width(config.n_kv_heads, config.head_dim), bias);
}

Tensor temperature_table(const PositionTemperature& temperature) {
  std::vector<float> factors(static_cast<std::size_t>(temperature.context));
  for (std::size_t position = 0; position < factors.size(); ++position) {
    const double steps = std::floor((static_cast<double>(position) + temperature.shift) / temperature.floor);
    factors[position] = static_cast<float>(1.0 + temperature.scale * std::log1p(steps));
  }
  return Tensor::from(factors, {temperature.context, 1}).with_name("temperatures");
}

}  // namespace

void set_biases(AttentionConfig& config, bool qkv, bool output) {
  config.q_bias = config.k_bias = config.v_bias = qkv;
  config.o_bias = output;
}

Attention::Attention(const AttentionConfig& config, Rotaries& rotaries) : Attention(config, rotaries, nullptr) {}

Attention::Attention(const AttentionConfig& config, Rotaries& rotaries, const Attention& shared)
    : Attention(config, rotaries, &shared.state_) {}

Attention::Attention(const AttentionConfig& config, Rotaries& rotaries, const State* shared)
    : config_(config),
      q_proj_(add("q_proj", Linear(config.hidden_size, width(config.n_heads, config.head_dim), config.q_bias))),
      k_proj_(shared != nullptr ? std::nullopt : std::optional(add("k_proj", keys(config, config.k_bias)))),
      v_proj_(shared != nullptr || !config.has_v_proj ? std::nullopt
                                                      : std::optional(add("v_proj", keys(config, config.v_bias)))),
      o_proj_(
          add(config.output_name, Linear(width(config.n_heads, config.head_dim), config.hidden_size, config.o_bias))),
      state_(shared != nullptr
                 ? *shared
                 : State(ops::Paged{config.n_kv_heads, config.head_dim, config.head_dim, config.window})) {
  if (config.rope) rotary_ = rotaries.of(*config.rope);
  if (config.qk_norm) {
    q_norm_ = add(config.q_norm_name, HeadNorm(*config.qk_norm, config.n_heads, config.head_dim));
    if (k_proj_) k_norm_ = add(config.k_norm_name, HeadNorm(*config.qk_norm, config.n_kv_heads, config.head_dim));
  }
  if (config.v_norm && k_proj_) v_norm_ = add("v_norm", Norm(*config.v_norm, config.head_dim));
  if (config.sinks) sinks_ = values("sinks", {config.n_heads});
  if (config.temperature) temperatures_ = temperature_table(*config.temperature);
  if (config_.scale == 0.0f) config_.scale = 1.0f / std::sqrt(static_cast<float>(config.head_dim));
  if (shared == nullptr) node()->states.push_back(state_.slot());
}

// The factors go along with q's rows: (tokens, 1) times ones (n_heads * head_dim, 1).
Tensor Attention::tempered(const Tensor& q, const Step& step) const {
  const Dim tokens = q.shape().dim(0);
  const std::int64_t columns = width(config_.n_heads, config_.head_dim);
  const Tensor positions = reshape(slice(step.positions, 0, 0, 1), {tokens});
  const std::vector<float> ones(static_cast<std::size_t>(columns), 1.0f);
  const Tensor factors = matmul(embedding(positions, temperatures_), Tensor::from(ones, {columns, 1}));
  return q * reshape(factors, {tokens, config_.n_heads, config_.head_dim});
}

Tensor Attention::operator()(const Tensor& x, const Step& step) const {
  if (!x.ok()) return x;
  const Dim tokens = x.shape().dim(0);
  const Shape kv_heads = {tokens, config_.n_kv_heads, config_.head_dim};
  const bool has_keys = k_proj_.has_value();
  Tensor q = q_proj_(x), k, v;
  if (has_keys) k = (*k_proj_)(x);
  if (has_keys) v = v_proj_ ? (*v_proj_)(x) : k;
  q = reshape(q, {tokens, config_.n_heads, config_.head_dim});
  if (has_keys) k = reshape(k, kv_heads);
  if (has_keys) v = reshape(v, kv_heads);
  const auto norm = [&] {
    if (q_norm_) q = (*q_norm_)(q);
    if (k_norm_) k = (*k_norm_)(k);
  };
  if (!config_.norms_turned) norm();
  if (rotary_) q = (*rotary_)(q, step);
  if (rotary_ && has_keys) k = (*rotary_)(k, step);
  if (config_.norms_turned) norm();
  if (v_norm_) v = (*v_norm_)(v);
  if (has_keys) {
    if (Status appended = ops::kv_append(k, v, state_.number(), nullptr); !appended.ok()) {
      return Tensor::failed(std::move(appended).error());
    }
  }
  if (config_.temperature) q = tempered(q, step);
  std::vector<Tensor> inputs = {q};
  if (config_.sinks) inputs.push_back(sinks_);
  const Tensor spans = step.row("spans");
  const bool has_spans = spans.identity() != nullptr;
  if (has_spans) inputs.push_back(spans);
  const ops::PagedAttention op{.state = state_.number(),
                               .kv_heads = config_.n_kv_heads,
                               .v_dim = config_.head_dim,
                               .scale = config_.scale,
                               .window = config_.window,
                               .soft_cap = config_.soft_cap,
                               .has_sinks = config_.sinks,
                               .has_spans = has_spans};
  const Tensor y = ops::apply_one(op, inputs);
  return o_proj_(reshape(y, {tokens, width(config_.n_heads, config_.head_dim)}));
}

EncoderAttention::EncoderAttention(std::int64_t hidden_size, int n_heads, bool causal)
    : hidden_size_(hidden_size),
      n_heads_(n_heads),
      causal_(causal),
      q_proj_(add("q_proj", Linear(hidden_size, hidden_size))),
      k_proj_(add("k_proj", Linear(hidden_size, hidden_size))),
      v_proj_(add("v_proj", Linear(hidden_size, hidden_size))),
      out_proj_(add("out_proj", Linear(hidden_size, hidden_size))) {}

Tensor EncoderAttention::operator()(const Tensor& x, const Tensor& query_segment, const Tensor& key_segment) const {
  if (!x.ok()) return x;
  const Dim rows = x.shape().dim(0);
  const std::int64_t head_dim = hidden_size_ / n_heads_;
  const Shape heads = {rows, n_heads_, head_dim};
  const Tensor q = reshape(q_proj_(x), heads);
  const Tensor k = reshape(k_proj_(x), heads);
  const Tensor v = reshape(v_proj_(x), heads);
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  const Tensor y = dense_attention(q, k, v, scale, causal_, query_segment, key_segment);
  return out_proj_(reshape(y, {rows, hidden_size_}));
}

}  // namespace galago::nn
