#include "nn/vision_transformer.h"

#include <array>

#include "nn/tap.h"

namespace galago::nn {
namespace {

std::vector<EncoderLayer> make_layers(const EncoderConfig& config) {
  std::vector<EncoderLayer> layers;
  for (int i = 0; i < config.n_layers; ++i) layers.emplace_back(config);
  return layers;
}

}  // namespace

EncoderLayer::EncoderLayer(const EncoderConfig& config)
    : layer_norm1_(add("layer_norm1", LayerNorm(config.hidden_size, config.norm_eps))),
      layer_norm2_(add("layer_norm2", LayerNorm(config.hidden_size, config.norm_eps))),
      self_attn_(add("self_attn", EncoderAttention(config.hidden_size, config.n_heads, config.causal))),
      fc1_(add("mlp.fc1", Linear(config.hidden_size, config.intermediate_size))),
      fc2_(add("mlp.fc2", Linear(config.intermediate_size, config.hidden_size))),
      activation_(config.activation) {}

Tensor EncoderLayer::operator()(Tensor x, const Tensor& query_segment, const Tensor& key_segment) const {
  x = x + self_attn_(layer_norm1_(x), query_segment, key_segment);
  return x + fc2_(activate(activation_, fc1_(layer_norm2_(x))));
}

Encoder::Encoder(const EncoderConfig& config) : layers_(add_list("layers", make_layers(config))) {}

Tensor Encoder::operator()(Tensor x, int n_layers, const Tensor& query_segment, const Tensor& key_segment) const {
  const int total = static_cast<int>(layers_.size());
  const int count = n_layers < 0 ? total + n_layers + 1 : n_layers;
  for (int i = 0; i < count; ++i) {
    x = layers_[static_cast<std::size_t>(i)](x, query_segment, key_segment);
    if (i == 0) x = tap("vision_block_0", x);
  }
  return x;
}

VisionEmbeddings::VisionEmbeddings(const VisionConfig& config) : config_(config) {
  const std::int64_t hidden = config.encoder.hidden_size;
  class_embedding_ = values("class_embedding", {hidden});
  patch_weight_ = weight("patch_embedding.weight", {hidden, config.channels, config.patch_size, config.patch_size});
  position_weight_ = values("position_embedding.weight", {1 + config.n_patches(), hidden});
}

Tensor VisionEmbeddings::operator()(const Tensor& pixels) const {
  const std::int64_t hidden = config_.encoder.hidden_size;
  const std::int64_t patch_elements = std::int64_t{config_.channels} * config_.patch_size * config_.patch_size;
  // A convolution whose stride is its kernel is a linear over flattened patches, and its weight already a matrix.
  const Tensor matrix = patch_weight_.tensor().with_shape({hidden, patch_elements});
  const Tensor patches = tap("patch_embed", linear(patchify(pixels, config_.patch_size, config_.patch_size), matrix));
  const Tensor class_row = class_embedding_.tensor().with_shape({1, hidden});
  return concat(std::array{class_row, patches}, 0) + position_weight_.tensor();
}

VisionTransformer::VisionTransformer(const VisionConfig& config)
    : embeddings_(add("embeddings", VisionEmbeddings(config))),
      pre_layrnorm_(add("pre_layrnorm", LayerNorm(config.encoder.hidden_size, config.encoder.norm_eps))),
      encoder_(add("encoder", Encoder(config.encoder))),
      post_layernorm_(add("post_layernorm", LayerNorm(config.encoder.hidden_size, config.encoder.norm_eps))) {}

Tensor VisionTransformer::hidden(const Tensor& pixels, int feature_layer) const {
  return encoder_(tap("vision_embeddings", pre_layrnorm_(embeddings_(pixels))), feature_layer);
}

Tensor VisionTransformer::pooled(const Tensor& hidden) const { return post_layernorm_(slice(hidden, 0, 0, 1)); }

}  // namespace galago::nn
