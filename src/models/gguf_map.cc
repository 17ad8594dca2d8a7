#include "models/gguf_map.h"

#include <array>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/try.h"
#include "models/tensor_transforms.h"

namespace galago::models {
namespace {

struct Names {
  std::string_view hf, gguf;
};

constexpr std::array kDecoderNames = {
    Names{"model.embed_tokens.weight", "token_embd.weight"},
    Names{"model.norm.weight", "output_norm.weight"},
    Names{"lm_head.weight", "output.weight"},
    Names{"model.layers.{}.input_layernorm.weight", "blk.{}.attn_norm.weight"},
    Names{"model.layers.{}.post_attention_layernorm.weight", "blk.{}.ffn_norm.weight"},
    Names{"model.layers.{}.self_attn.q_proj.weight", "blk.{}.attn_q.weight"},
    Names{"model.layers.{}.self_attn.k_proj.weight", "blk.{}.attn_k.weight"},
    Names{"model.layers.{}.self_attn.v_proj.weight", "blk.{}.attn_v.weight"},
    Names{"model.layers.{}.self_attn.o_proj.weight", "blk.{}.attn_output.weight"},
    Names{"model.layers.{}.self_attn.q_proj.bias", "blk.{}.attn_q.bias"},
    Names{"model.layers.{}.self_attn.k_proj.bias", "blk.{}.attn_k.bias"},
    Names{"model.layers.{}.self_attn.v_proj.bias", "blk.{}.attn_v.bias"},
    Names{"model.layers.{}.self_attn.o_proj.bias", "blk.{}.attn_output.bias"},
    Names{"model.layers.{}.self_attn.q_norm.weight", "blk.{}.attn_q_norm.weight"},
    Names{"model.layers.{}.self_attn.k_norm.weight", "blk.{}.attn_k_norm.weight"},
    Names{"model.layers.{}.mlp.gate_proj.weight", "blk.{}.ffn_gate.weight"},
    Names{"model.layers.{}.mlp.up_proj.weight", "blk.{}.ffn_up.weight"},
    Names{"model.layers.{}.mlp.down_proj.weight", "blk.{}.ffn_down.weight"},
    Names{"model.layers.{}.mlp.gate_proj.bias", "blk.{}.ffn_gate.bias"},
    Names{"model.layers.{}.mlp.up_proj.bias", "blk.{}.ffn_up.bias"},
    Names{"model.layers.{}.mlp.down_proj.bias", "blk.{}.ffn_down.bias"},
};

// A tensor of f32 as numbers; null when there is none of the name.
Result<Json> floats_of(const formats::Checkpoint& checkpoint, std::string_view name) {
  const formats::StoredTensor* stored = checkpoint.find(name);
  if (stored == nullptr) return Json();
  if (stored->dtype != DType::kF32) {
    return error(ErrorCode::kUnsupported, "{}: {} is {}; f32 is expected", checkpoint.path().string(), name,
                 galago::name(stored->dtype));
  }
  Json values = Json::array();
  for (std::size_t offset = 0; offset + sizeof(float) <= stored->data.size(); offset += sizeof(float)) {
    float value = 0.0f;
    std::memcpy(&value, stored->data.data() + offset, sizeof(float));
    values.push_back(value);
  }
  return values;
}

// llama.cpp's scaling: linear unless another kind is named, by a factor that has two names, where 0 is none. YaRN's
// attention factor is a multiple of 1 + 0.1 ln(factor) [ggml, rope_yarn], which is what transformers has by default.
Status add_rope_scaling(GgufKeys& keys, Json& config) {
  // The converter of Phi-3 writes its factors and no type.
  const bool has_factors = keys.checkpoint().find("rope_factors_long.weight") != nullptr;
  GALAGO_TRY(const std::string_view type, keys.string("rope.scaling.type", has_factors ? "longrope" : "linear"));
  GALAGO_TRY(const double old_factor, keys.number("rope.scale_linear", 0.0));
  GALAGO_TRY(const double stored_factor, keys.number("rope.scaling.factor", old_factor));
  const double factor = stored_factor == 0.0 ? 1.0 : stored_factor;
  if (factor <= 0.0) {
    return error(ErrorCode::kCorrupt, "{}: rope.scaling.factor is {}; a positive number is expected",
                 keys.checkpoint().path().string(), factor);
  }
  if (type == "none") return {};
  if (type == "linear") {
    if (factor != 1.0) config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", factor}};
    return {};
  }
  if (type != "yarn" && type != "longrope") {
    return error(ErrorCode::kUnsupported,
                 "{}: rope.scaling.type is \"{}\"; none, linear, yarn and longrope are known here",
                 keys.checkpoint().path().string(), type);
  }
  Json scaling = {{"rope_type", type}, {"factor", factor}};
  GALAGO_TRY(
      scaling["original_max_position_embeddings"],
      keys.integer("rope.scaling.original_context_length", config["max_position_embeddings"].get<std::int64_t>()));
  GALAGO_TRY(const double attention, keys.number("rope.scaling.attn_factor", 1.0));
  if (type == "yarn") {
    if (attention != 1.0) scaling["attention_factor"] = attention * (1.0 + 0.1 * std::log(factor));
    GALAGO_TRY(scaling["beta_fast"], keys.number("rope.scaling.yarn_beta_fast", 32.0));
    GALAGO_TRY(scaling["beta_slow"], keys.number("rope.scaling.yarn_beta_slow", 1.0));
  } else {
    scaling["attention_factor"] = attention;
    GALAGO_TRY(scaling["long_factor"], floats_of(keys.checkpoint(), "rope_factors_long.weight"));
    GALAGO_TRY(scaling["short_factor"], floats_of(keys.checkpoint(), "rope_factors_short.weight"));
  }
  config["rope_scaling"] = std::move(scaling);
  return {};
}

Status add_rope(GgufKeys& keys, Json& config) {
  GALAGO_TRY(config["rope_theta"], keys.number("rope.freq_base", 10000.0));
  if (keys.has("rope.dimension_count")) {
    GALAGO_TRY(config["rotary_dim"], keys.integer("rope.dimension_count"));
  }
  GALAGO_CHECK(add_rope_scaling(keys, config));
  // A divisor for each frequency: Llama 3's scaling, made explicit.
  GALAGO_TRY(Json divisors, floats_of(keys.checkpoint(), "rope_freqs.weight"));
  if (!divisors.is_null()) config["rope_divisors"] = std::move(divisors);
  return {};
}

// Values may have another length than keys only where an architecture reads it.
Status add_head_sizes(GgufKeys& keys, Json& config) {
  GALAGO_TRY(const std::int64_t n_heads, keys.uniform("attention.head_count"));
  config["num_attention_heads"] = n_heads;
  config["num_key_value_heads"] = n_heads;
  if (keys.has("attention.head_count_kv")) {
    GALAGO_TRY(config["num_key_value_heads"], keys.uniform("attention.head_count_kv"));
  }
  if (!keys.has("attention.key_length")) return {};
  GALAGO_TRY(const std::int64_t length, keys.integer("attention.key_length"));
  config["head_dim"] = length;
  GALAGO_TRY(const std::int64_t value_length, keys.integer("attention.value_length", length));
  if (value_length == length) return {};
  return error(ErrorCode::kUnsupported,
               "{}: attention.value_length is {} and attention.key_length {}; equal ones are "
               "expected of this architecture",
               keys.checkpoint().path().string(), value_length, length);
}

}  // namespace

Result<Json> decoder_config_from_gguf(GgufKeys& keys) {
  const formats::Checkpoint& checkpoint = keys.checkpoint();
  Json config = Json::object();
  config["model_type"] = checkpoint.architecture();
  GALAGO_TRY(config["hidden_size"], keys.integer("embedding_length"));
  GALAGO_TRY(config["num_hidden_layers"], keys.integer("block_count"));
  GALAGO_TRY(config["intermediate_size"], keys.uniform("feed_forward_length"));
  GALAGO_CHECK(add_head_sizes(keys, config));
  GALAGO_TRY(config["max_position_embeddings"], keys.integer("context_length"));
  GALAGO_TRY(config["rms_norm_eps"], keys.number("attention.layer_norm_rms_epsilon", 1e-5));
  const formats::StoredTensor* embedding = checkpoint.find("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2) {
    return error(ErrorCode::kNotFound, "{}: the tensor \"token_embd.weight\" (vocabulary, hidden) is missing",
                 checkpoint.path().string());
  }
  config["vocab_size"] = embedding->shape[0];
  config["tie_word_embeddings"] = checkpoint.find("output.weight") == nullptr;
  // llama.cpp keeps no flags for biases: the tensors tell.
  config["attention_bias"] = checkpoint.find("blk.0.attn_output.bias") != nullptr;
  config["qkv_bias"] = checkpoint.find("blk.0.attn_q.bias") != nullptr;
  config["mlp_bias"] = checkpoint.find("blk.0.ffn_down.bias") != nullptr;
  GALAGO_CHECK(add_rope(keys, config));
  return config;
}

TensorRules decoder_gguf_rules(RopeRows rows) {
  TensorRules rules;
  for (const Names& names : kDecoderNames) {
    TensorRule rule{.name = names.hf, .sources = {names.gguf}, .container = Container::kGguf};
    if (rows == RopeRows::kPairs && names.gguf.starts_with("blk.{}.attn_q.")) {
      rule.transform = transforms::rope_pairs("num_attention_heads");
    }
    if (rows == RopeRows::kPairs && names.gguf.starts_with("blk.{}.attn_k.")) {
      rule.transform = transforms::rope_pairs("num_key_value_heads");
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace galago::models
