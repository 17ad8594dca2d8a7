// Phi-3, Phi-3.5 and Phi-4-mini: a llama whose queries, keys and values, and whose gate and up are one matrix each in
// checkpoints, with a window on every layer and LongRoPE on long contexts.
#include "base/try.h"
#include "models/decoder_model.h"
#include "models/layer_types.h"
#include "models/registry.h"
#include "models/tensor_transforms.h"

namespace galago::models {
namespace {

// The rows of q, k and v in the one matrix that holds them.
Result<std::vector<std::int64_t>> qkv_rows(const RuleCall& call) {
  const ConfigReader reader(call.config, call.where);
  GALAGO_TRY(const std::int64_t hidden, reader.size("hidden_size", 0));
  GALAGO_TRY(const std::int64_t heads, reader.size("num_attention_heads", 0, hidden));
  GALAGO_TRY(const std::int64_t kv_heads, reader.size("num_key_value_heads", heads, heads));
  GALAGO_TRY(const std::int64_t head_dim, reader.size("head_dim", hidden / heads));
  return std::vector<std::int64_t>{heads * head_dim, kv_heads * head_dim, kv_heads * head_dim};
}

// The pieces of a fused matrix by their names in the model, for folders and GGUF files.
TensorRules fused_rules() {
  TensorRules rules;
  const auto add = [&rules](std::string_view name, std::string_view folder, std::string_view gguf, Transform piece) {
    rules.push_back({.name = name, .sources = {folder}, .transform = piece});
    rules.push_back({.name = name, .sources = {gguf}, .transform = piece, .container = Container::kGguf});
  };
  constexpr std::string_view kQkv = "model.layers.{}.self_attn.qkv_proj.weight", kGgufQkv = "blk.{}.attn_qkv.weight";
  constexpr std::string_view kGateUp = "model.layers.{}.mlp.gate_up_proj.weight", kGgufUp = "blk.{}.ffn_up.weight";
  add("model.layers.{}.self_attn.q_proj.weight", kQkv, kGgufQkv, transforms::piece(0, qkv_rows));
  add("model.layers.{}.self_attn.k_proj.weight", kQkv, kGgufQkv, transforms::piece(1, qkv_rows));
  add("model.layers.{}.self_attn.v_proj.weight", kQkv, kGgufQkv, transforms::piece(2, qkv_rows));
  add("model.layers.{}.mlp.gate_proj.weight", kGateUp, kGgufUp, transforms::equal_piece(0, 2));
  add("model.layers.{}.mlp.up_proj.weight", kGateUp, kGgufUp, transforms::equal_piece(1, 2));
  return rules;
}

Result<Json> config_from_gguf(GgufKeys& keys) {
  GALAGO_TRY(Json config, decoder_config_from_gguf(keys));
  GALAGO_TRY(const std::int64_t window, keys.integer("attention.sliding_window", 0));
  if (window != 0) config["sliding_window"] = window;
  return config;
}

Result<std::unique_ptr<Model>> build_phi3(const ModelSource& source) {
  const ConfigReader reader(source.config, source.description());
  GALAGO_TRY(nn::DecoderConfig config, decoder_config(source));
  const bool slides = reader.has("sliding_window");
  GALAGO_TRY(const std::vector<bool> sliding,
             sliding_layers(reader, config.n_layers, [slides](int) { return slides; }));
  GALAGO_TRY(const std::vector<int> windows, layer_windows(reader, sliding));
  nn::set_windows(config, windows);
  return build_decoder("phi3", config, *source.weights);
}

}  // namespace

const Architecture& phi3_architecture() {
  static const Architecture kPhi3{.name = "phi3",
                                  .model_types = {"phi3"},
                                  .gguf_names = {"phi3"},
                                  .gguf_config = config_from_gguf,
                                  .rules = joined(fused_rules(), decoder_gguf_rules()),
                                  .build = build_phi3};
  return kPhi3;
}

}  // namespace galago::models
