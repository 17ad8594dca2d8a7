#include "models/gguf_map.h"

#include <array>
#include <cstring>

#include "base/error.h"
#include "base/try.h"

namespace galago::models {
namespace {

constexpr std::array kDecoderNames = {
    GgufName{"model.embed_tokens.weight", "token_embd.weight"},
    GgufName{"model.norm.weight", "output_norm.weight"},
    GgufName{"lm_head.weight", "output.weight"},
    GgufName{"model.layers.{}.input_layernorm.weight", "blk.{}.attn_norm.weight"},
    GgufName{"model.layers.{}.post_attention_layernorm.weight", "blk.{}.ffn_norm.weight"},
    GgufName{"model.layers.{}.self_attn.q_proj.weight", "blk.{}.attn_q.weight"},
    GgufName{"model.layers.{}.self_attn.k_proj.weight", "blk.{}.attn_k.weight"},
    GgufName{"model.layers.{}.self_attn.v_proj.weight", "blk.{}.attn_v.weight"},
    GgufName{"model.layers.{}.self_attn.o_proj.weight", "blk.{}.attn_output.weight"},
    GgufName{"model.layers.{}.self_attn.q_proj.bias", "blk.{}.attn_q.bias"},
    GgufName{"model.layers.{}.self_attn.k_proj.bias", "blk.{}.attn_k.bias"},
    GgufName{"model.layers.{}.self_attn.v_proj.bias", "blk.{}.attn_v.bias"},
    GgufName{"model.layers.{}.self_attn.o_proj.bias", "blk.{}.attn_output.bias"},
    GgufName{"model.layers.{}.self_attn.q_norm.weight", "blk.{}.attn_q_norm.weight"},
    GgufName{"model.layers.{}.self_attn.k_norm.weight", "blk.{}.attn_k_norm.weight"},
    GgufName{"model.layers.{}.mlp.gate_proj.weight", "blk.{}.ffn_gate.weight"},
    GgufName{"model.layers.{}.mlp.up_proj.weight", "blk.{}.ffn_up.weight"},
    GgufName{"model.layers.{}.mlp.down_proj.weight", "blk.{}.ffn_down.weight"},
    GgufName{"model.layers.{}.mlp.gate_proj.bias", "blk.{}.ffn_gate.bias"},
    GgufName{"model.layers.{}.mlp.up_proj.bias", "blk.{}.ffn_up.bias"},
    GgufName{"model.layers.{}.mlp.down_proj.bias", "blk.{}.ffn_down.bias"},
};

// Metadata under the architecture's prefix.
class Section {
 public:
  explicit Section(const formats::Checkpoint& checkpoint)
      : metadata_(checkpoint.metadata()), prefix_(checkpoint.architecture() + ".") {}

  bool has(std::string_view key) const { return metadata_.contains(prefix_ + std::string(key)); }
  Result<std::int64_t> integer(std::string_view key) const { return metadata_.get_i64(prefix_ + std::string(key)); }
  Result<double> number(std::string_view key, double fallback) const {
    return metadata_.get_f64(prefix_ + std::string(key), fallback);
  }
  Result<std::string_view> string(std::string_view key, std::string_view fallback) const {
    return metadata_.get_string(prefix_ + std::string(key), fallback);
  }
  // A number, or the common value of an array with one number for each layer.
  Result<std::int64_t> uniform(std::string_view key) const {
    const std::string full = prefix_ + std::string(key);
    GALAGO_TRY(const formats::GgufNumbers numbers, metadata_.get_numbers(full));
    for (std::size_t i = 1; i < numbers.size(); ++i) {
      if (numbers.i64(i) == numbers.i64(0)) continue;
      return error(ErrorCode::kUnsupported, "{}: {} differs between layers ({} and {}), which this architecture lacks",
                   metadata_.source(), full, numbers.i64(0), numbers.i64(i));
    }
    if (numbers.empty()) return error(ErrorCode::kCorrupt, "{}: {} is an empty array", metadata_.source(), full);
    return numbers.i64(0);
  }

 private:
  const formats::GgufMetadata& metadata_;
  std::string prefix_;
};

// llama.cpp's rope_freqs.weight: a divisor for each frequency (Llama 3's scaling, made explicit).
Status add_rope_divisors(const formats::Checkpoint& checkpoint, Json& config) {
  const formats::StoredTensor* stored = checkpoint.find("rope_freqs.weight");
  if (stored == nullptr) return {};
  if (stored->dtype != DType::kF32) {
    return error(ErrorCode::kUnsupported, "{}: rope_freqs.weight is {}; f32 is expected", checkpoint.path().string(),
                 name(stored->dtype));
  }
  Json divisors = Json::array();
  for (std::size_t offset = 0; offset + sizeof(float) <= stored->data.size(); offset += sizeof(float)) {
    float divisor = 0.0f;
    std::memcpy(&divisor, stored->data.data() + offset, sizeof(float));
    divisors.push_back(divisor);
  }
  config["rope_divisors"] = std::move(divisors);
  return {};
}

Status add_rope(const formats::Checkpoint& checkpoint, const Section& section, Json& config) {
  GALAGO_TRY(const double theta, section.number("rope.freq_base", 10000.0));
  config["rope_theta"] = theta;
  GALAGO_TRY(const std::string_view scaling, section.string("rope.scaling.type", "none"));
  if (scaling != "none") {
    GALAGO_TRY(const double factor, section.number("rope.scaling.factor", 1.0));
    config["rope_scaling"] = {{"rope_type", scaling}, {"factor", factor}};
  } else if (section.has("rope.scale_linear")) {
    GALAGO_TRY(const double factor, section.number("rope.scale_linear", 1.0));
    if (factor != 1.0 && factor != 0.0) config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", factor}};
  }
  return add_rope_divisors(checkpoint, config);
}

}  // namespace

std::optional<GgufMatch> match(std::span<const GgufName> names, std::string_view hf_name) {
  for (const GgufName& entry : names) {
    const std::size_t hole = entry.hf.find("{}");
    if (hole == std::string_view::npos) {
      if (entry.hf == hf_name) return GgufMatch{std::string(entry.gguf), &entry};
      continue;
    }
    const std::string_view before = entry.hf.substr(0, hole);
    const std::string_view after = entry.hf.substr(hole + 2);
    if (hf_name.size() <= before.size() + after.size() || !hf_name.starts_with(before) || !hf_name.ends_with(after)) {
      continue;
    }
    const std::string_view layer = hf_name.substr(before.size(), hf_name.size() - before.size() - after.size());
    if (layer.find_first_not_of("0123456789") != std::string_view::npos) continue;
    return GgufMatch{fmt::format(fmt::runtime(entry.gguf), layer), &entry};
  }
  return std::nullopt;
}

Result<RowOrder> rope_pairs_order(std::int64_t rows, std::int64_t n_heads, std::string_view tensor) {
  if (n_heads <= 0 || rows % n_heads != 0 || rows / n_heads % 2 != 0 || rows > INT32_MAX) {
    return error(ErrorCode::kCorrupt, "the tensor \"{}\" has {} rows, which are no {} heads of an even size", tensor,
                 rows, n_heads);
  }
  const std::int64_t head = rows / n_heads;
  auto order = std::make_shared<std::vector<std::int32_t>>(static_cast<std::size_t>(rows));
  for (std::int64_t h = 0; h < n_heads; ++h) {
    for (std::int64_t s = 0; s < 2; ++s) {
      for (std::int64_t j = 0; j < head / 2; ++j) {
        (*order)[static_cast<std::size_t>(h * head + s * (head / 2) + j)] =
            static_cast<std::int32_t>(h * head + 2 * j + s);
      }
    }
  }
  return RowOrder(std::move(order));
}

std::span<const GgufName> decoder_gguf_names() { return kDecoderNames; }

Result<Json> decoder_config_from_gguf(const formats::Checkpoint& checkpoint) {
  const Section section(checkpoint);
  Json config = Json::object();
  config["model_type"] = checkpoint.architecture();
  GALAGO_TRY(config["hidden_size"], section.integer("embedding_length"));
  GALAGO_TRY(config["num_hidden_layers"], section.integer("block_count"));
  GALAGO_TRY(config["intermediate_size"], section.uniform("feed_forward_length"));
  GALAGO_TRY(const std::int64_t n_heads, section.uniform("attention.head_count"));
  config["num_attention_heads"] = n_heads;
  config["num_key_value_heads"] = n_heads;
  if (section.has("attention.head_count_kv")) {
    GALAGO_TRY(config["num_key_value_heads"], section.uniform("attention.head_count_kv"));
  }
  GALAGO_TRY(config["max_position_embeddings"], section.integer("context_length"));
  GALAGO_TRY(config["rms_norm_eps"], section.number("attention.layer_norm_rms_epsilon", 1e-5));
  if (section.has("attention.key_length")) {
    GALAGO_TRY(config["head_dim"], section.integer("attention.key_length"));
  }
  if (section.has("rope.dimension_count")) {
    GALAGO_TRY(config["rotary_dim"], section.integer("rope.dimension_count"));
  }
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
  GALAGO_CHECK(add_rope(checkpoint, section, config));
  return config;
}

}  // namespace galago::models
