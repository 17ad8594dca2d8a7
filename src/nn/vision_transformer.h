// The pre-norm vision transformer with a class token (ViT, CLIP), and the encoder that text towers share with it.
#pragma once

#include <vector>

#include "galago/nn.h"
#include "nn/activation.h"
#include "nn/attention.h"

namespace galago::nn {

struct EncoderConfig {
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  int n_layers = 0;
  int n_heads = 0;
  float norm_eps = 1e-5f;
  Activation activation = Activation::kQuickGelu;
  bool causal = false;
};

struct VisionConfig {
  EncoderConfig encoder;
  int image_size = 0;
  int patch_size = 0;
  int channels = 3;
  std::int64_t n_patches() const { return std::int64_t{image_size / patch_size} * (image_size / patch_size); }
};

// layer_norm1, self_attn, layer_norm2, mlp.fc1, mlp.fc2
class EncoderLayer : public Module {
 public:
  explicit EncoderLayer(const EncoderConfig& config);
  Tensor operator()(Tensor x, const Tensor& query_segment = {}, const Tensor& key_segment = {}) const;

 private:
  LayerNorm layer_norm1_, layer_norm2_;
  EncoderAttention self_attn_;
  Linear fc1_, fc2_;
  Activation activation_;
};

// "encoder": layers.0, layers.1, ...
class Encoder : public Module {
 public:
  explicit Encoder(const EncoderConfig& config);
  // Runs the first `n_layers` layers; negative: that many fewer than all, plus one (-1: all, -2: all but the last).
  Tensor operator()(Tensor x, int n_layers = -1, const Tensor& query_segment = {},
                    const Tensor& key_segment = {}) const;

 private:
  std::vector<EncoderLayer> layers_;
};

// "embeddings": class_embedding, patch_embedding.weight, position_embedding.weight
class VisionEmbeddings : public Module {
 public:
  explicit VisionEmbeddings(const VisionConfig& config);
  // pixels: (channels, image_size, image_size)   y: (1 + n_patches, hidden_size)
  Tensor operator()(const Tensor& pixels) const;

 private:
  VisionConfig config_;
  Parameter class_embedding_, patch_weight_, position_weight_;
};

// embeddings, pre_layrnorm (the checkpoints' spelling), encoder, post_layernorm
class VisionTransformer : public Module {
 public:
  explicit VisionTransformer(const VisionConfig& config);
  // The hidden state hidden_states[feature_layer] of transformers: -1 is the last layer's output, -2 its input.
  Tensor hidden(const Tensor& pixels, int feature_layer = -1) const;
  // post_layernorm of the class token's row      hidden: (1 + n_patches, hidden_size)   y: (1, hidden_size)
  Tensor pooled(const Tensor& hidden) const;

 private:
  VisionEmbeddings embeddings_;
  LayerNorm pre_layrnorm_;
  Encoder encoder_;
  LayerNorm post_layernorm_;
};

}  // namespace galago::nn
