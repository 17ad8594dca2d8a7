#include "models/decoder_model.h"

#include "base/error.h"
#include "base/try.h"
#include "nn/tap.h"

namespace galago::models {
namespace {

// Far above any published model, and small enough that products of two cannot overflow.
constexpr std::int64_t kMaxSize = std::int64_t{1} << 28;
constexpr std::int64_t kMaxLayers = 4096;

class ConfigReader {
 public:
  ConfigReader(const Json& config, std::string_view source) : config_(config), source_(source) {}

  // A size in [1, most]; an absent key gives the fallback, or an error when that is 0.
  Result<std::int64_t> size(std::string_view key, std::int64_t fallback, std::int64_t most = kMaxSize) const {
    GALAGO_TRY(const std::int64_t value, get_int(config_, key, fallback, source_));
    if (value >= 1 && value <= most) return value;
    if (value == 0 && find(config_, key) == nullptr) {
      return error(ErrorCode::kCorrupt, "{}: the configuration lacks \"{}\"", source_, key);
    }
    return error(ErrorCode::kCorrupt, "{}: \"{}\" is {}; 1 to {} are expected", source_, key, value, most);
  }

  // rope_theta beside rope_scaling {rope_type or type}, or both in rope_parameters (transformers 5).
  Status rope(nn::RopeConfig& rope) const {
    const Json* parameters = find(config_, "rope_parameters");
    const Json* scaling = parameters != nullptr ? parameters : find(config_, "rope_scaling");
    GALAGO_TRY(rope.theta, get_number(config_, "rope_theta", 10000.0, source_));
    if (parameters != nullptr) {
      GALAGO_TRY(rope.theta, get_number(*parameters, "rope_theta", rope.theta, source_));
    }
    if (scaling != nullptr) {
      GALAGO_TRY(const std::string old_key, get_string(*scaling, "type", "default", source_));
      GALAGO_TRY(rope.scaling, get_string(*scaling, "rope_type", old_key, source_));
      if (rope.scaling == "default") rope.scaling.clear();
      GALAGO_TRY(rope.factor, get_number(*scaling, "factor", 1.0, source_));
      GALAGO_TRY(rope.low_freq_factor, get_number(*scaling, "low_freq_factor", 1.0, source_));
      GALAGO_TRY(rope.high_freq_factor, get_number(*scaling, "high_freq_factor", 4.0, source_));
      GALAGO_TRY(rope.original_context, get_int(*scaling, "original_max_position_embeddings", 8192, source_));
    }
    if (const Json* divisors = find(config_, "rope_divisors"); divisors != nullptr && divisors->is_array()) {
      for (const Json& divisor : *divisors) {
        if (divisor.is_number()) rope.divisors.push_back(divisor.get<float>());
      }
    }
    return {};
  }

 private:
  const Json& config_;
  std::string_view source_;
};

}  // namespace

Result<nn::DecoderConfig> decoder_config(const Json& json, std::string_view source) {
  const ConfigReader reader(json, source);
  nn::DecoderConfig config;
  GALAGO_TRY(config.vocab_size, reader.size("vocab_size", 0));
  GALAGO_TRY(config.hidden_size, reader.size("hidden_size", 0));
  GALAGO_TRY(config.intermediate_size, reader.size("intermediate_size", 0));
  GALAGO_TRY(const std::int64_t n_layers, reader.size("num_hidden_layers", 0, kMaxLayers));
  GALAGO_TRY(const std::int64_t n_heads, reader.size("num_attention_heads", 0, config.hidden_size));
  GALAGO_TRY(const std::int64_t n_kv_heads, reader.size("num_key_value_heads", n_heads, n_heads));
  GALAGO_TRY(const std::int64_t head_dim, reader.size("head_dim", config.hidden_size / n_heads, 1 << 16));
  if (n_heads % n_kv_heads != 0) {
    return error(ErrorCode::kCorrupt, "{}: {} attention heads are no multiple of {} key-value heads", source, n_heads,
                 n_kv_heads);
  }
  config.n_layers = static_cast<int>(n_layers);
  GALAGO_TRY(const double eps, get_number(json, "rms_norm_eps", 1e-6, source));
  config.norm_eps = static_cast<float>(eps);
  GALAGO_TRY(config.hidden_act, get_string(json, "hidden_act", "silu", source));
  GALAGO_TRY(config.mlp_bias, get_bool(json, "mlp_bias", false, source));
  GALAGO_TRY(config.tie_word_embeddings, get_bool(json, "tie_word_embeddings", false, source));
  GALAGO_TRY(config.context_length, reader.size("max_position_embeddings", 2048));
  GALAGO_TRY(const std::int64_t rotary_dim, reader.size("rotary_dim", head_dim, head_dim));
  config.rope.rotary_dim = static_cast<int>(rotary_dim);
  GALAGO_CHECK(reader.rope(config.rope));
  GALAGO_CHECK(nn::rope_frequencies(config.rope));

  nn::AttentionConfig& attention = config.attention;
  attention.hidden_size = config.hidden_size;
  attention.n_heads = static_cast<int>(n_heads);
  attention.n_kv_heads = static_cast<int>(n_kv_heads);
  attention.head_dim = static_cast<int>(head_dim);
  attention.norm_eps = config.norm_eps;
  GALAGO_TRY(attention.output_bias, get_bool(json, "attention_bias", false, source));
  GALAGO_TRY(attention.qkv_bias, get_bool(json, "qkv_bias", attention.output_bias, source));
  return config;
}

Result<std::vector<int>> sliding_windows(const Json& config, int n_layers, std::string_view source) {
  GALAGO_TRY(const bool used, get_bool(config, "use_sliding_window", false, source));
  GALAGO_TRY(const std::int64_t window, get_int(config, "sliding_window", 0, source));
  if (!used || window == 0) return std::vector<int>();
  if (window < 0 || window > kMaxSize) {
    return error(ErrorCode::kCorrupt, "{}: \"sliding_window\" is {}; 1 to {} are expected", source, window, kMaxSize);
  }
  GALAGO_TRY(const std::int64_t first, get_int(config, "max_window_layers", 28, source));
  std::vector<int> windows(static_cast<std::size_t>(n_layers), 0);
  for (std::int64_t layer = std::max<std::int64_t>(first, 0); layer < n_layers; ++layer) {
    windows[static_cast<std::size_t>(layer)] = static_cast<int>(window);
  }
  return windows;
}

ModelInfo decoder_info(std::string architecture, const nn::DecoderConfig& config) {
  return {.architecture = std::move(architecture),
          .vocab_size = config.vocab_size,
          .hidden_size = config.hidden_size,
          .context_length = config.context_length,
          .n_layers = config.n_layers};
}

std::vector<Entry> decoder_entries(const nn::CausalLm& lm, const ModelInfo& info, const EntryLimits& limits,
                                   bool takes_media) {
  const Dim tokens = Dim::symbol("tokens", limits.prefill_tokens);
  const Dim rows = Dim::symbol("rows", limits.prefill_tokens);
  const Dim few = Dim::symbol("tokens", limits.decode_tokens);
  const Dim head_rows = Dim::symbol("rows", limits.decode_tokens);
  const Dim axes = info.position_axes;
  const auto i32 = [](Shape shape) { return TensorType{DType::kI32, std::move(shape)}; };
  const auto f32 = [](Shape shape) { return TensorType{DType::kF32, std::move(shape)}; };

  Entry prefill{.name = "prefill", .inputs = {{"token_ids", i32({tokens})}, {"positions", i32({axes, tokens})}}};
  if (takes_media) {
    const Dim media_rows = Dim::symbol("media_rows", limits.prefill_tokens);
    prefill.inputs.push_back({"splice_index", i32({tokens})});
    prefill.inputs.push_back({"media", f32({media_rows, info.hidden_size})});
  }
  prefill.inputs.push_back({"rows", i32({rows})});
  prefill.forward = [lm, takes_media](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
    Tensor x = lm.decoder().embed(in["token_ids"]);
    if (takes_media) x = splice(x, in["media"], in["splice_index"]);
    x = nn::tap("inputs_embeds", x);
    x = lm.decoder()(x, {.positions = in["positions"]});
    return {{"hidden", lm.decoder().norm(gather_rows(x, in["rows"]))}};
  };

  Entry head{.name = "head", .inputs = {{"hidden", f32({head_rows, info.hidden_size})}}};
  head.numeric_class = graph::NumericClass::kDecode;
  head.forward = [lm](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
    return {{"logits", lm.logits(in["hidden"])}};
  };

  Entry decode{.name = "decode", .inputs = {{"token_ids", i32({few})}, {"positions", i32({axes, few})}}};
  decode.numeric_class = graph::NumericClass::kDecode;
  decode.forward = [lm](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
    const Tensor x = lm.decoder()(lm.decoder().embed(in["token_ids"]), {.positions = in["positions"]});
    return {{"logits", lm.logits(lm.decoder().norm(x))}};
  };
  return {prefill, head, decode};
}

DecoderModel::DecoderModel(std::string architecture, const nn::DecoderConfig& config) : lm_(config) {
  info_ = decoder_info(std::move(architecture), config);
  states_ = nn::number_states(lm_);
}

Result<std::unique_ptr<Model>> build_decoder(std::string architecture, const nn::DecoderConfig& config,
                                             const nn::WeightSource& weights) {
  auto model = std::make_unique<DecoderModel>(std::move(architecture), config);
  GALAGO_CHECK(model->load(weights));
  return std::unique_ptr<Model>(std::move(model));
}

}  // namespace galago::models
