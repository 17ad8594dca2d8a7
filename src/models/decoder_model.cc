#include "models/decoder_model.h"

#include "base/error.h"
#include "base/try.h"
#include "models/rope_config.h"
#include "nn/tap.h"

namespace galago::models {
Result<nn::DecoderConfig> decoder_config(const ConfigReader& reader, std::int64_t sequence_length) {
  nn::DecoderConfig config;
  GALAGO_TRY(config.vocab_size, reader.size("vocab_size", 0));
  GALAGO_TRY(config.hidden_size, reader.size("hidden_size", 0));
  GALAGO_TRY(config.intermediate_size, reader.size("intermediate_size", 0));
  GALAGO_TRY(const std::int64_t n_layers, reader.size("num_hidden_layers", 0, kMaxLayers));
  GALAGO_TRY(const std::int64_t n_heads, reader.size("num_attention_heads", 0, config.hidden_size));
  GALAGO_TRY(const std::int64_t n_kv_heads, reader.size("num_key_value_heads", n_heads, n_heads));
  GALAGO_TRY(const std::int64_t head_dim, reader.size("head_dim", config.hidden_size / n_heads, 1 << 16));
  if (n_heads % n_kv_heads != 0) {
    return error(ErrorCode::kCorrupt, "{}: {} attention heads are no multiple of {} key-value heads", reader.source(),
                 n_heads, n_kv_heads);
  }
  config.n_layers = static_cast<int>(n_layers);
  GALAGO_TRY(config.norm.eps, reader.positive_float("rms_norm_eps", 1e-6));
  GALAGO_TRY(config.activation, reader.activation("hidden_act", "silu"));
  GALAGO_TRY(config.mlp_bias, reader.boolean("mlp_bias", false));
  GALAGO_TRY(config.tie_word_embeddings, reader.boolean("tie_word_embeddings", false));
  GALAGO_TRY(config.context_length, reader.size("max_position_embeddings", 2048));

  nn::AttentionConfig& attention = config.attention;
  attention.hidden_size = config.hidden_size;
  attention.n_heads = static_cast<int>(n_heads);
  attention.n_kv_heads = static_cast<int>(n_kv_heads);
  attention.head_dim = static_cast<int>(head_dim);
  GALAGO_TRY(attention.rope, rope_config(reader, head_dim, sequence_length));
  GALAGO_TRY(const bool bias, reader.boolean("attention_bias", false));
  GALAGO_TRY(const bool qkv_bias, reader.boolean("qkv_bias", bias));
  nn::set_biases(attention, qkv_bias, bias);
  return config;
}

Result<nn::DecoderConfig> decoder_config(const ModelSource& source) {
  return decoder_config(ConfigReader(source.config, source.description()), source.sequence_length);
}

DecoderParts parts_of(const nn::CausalLm& lm) {
  return {.embed = [lm](const Tensor& ids) { return lm.decoder().embed(ids); },
          .layers = [lm](const Tensor& x, const nn::Step& step) { return lm.decoder()(x, step); },
          .norm = [lm](const Tensor& x) { return lm.decoder().norm(x); },
          .logits = [lm](const Tensor& x) { return lm.logits(x); }};
}

namespace {

graph::TraceInput with_first_dim(graph::TraceInput input, const Dim& first) {
  std::vector<Dim> dims = {first};
  for (int i = 0; i < input.type.shape.rank(); ++i) dims.push_back(input.type.shape.dim(i));
  input.type.shape = Shape(dims);
  return input;
}

}  // namespace

ModelInfo decoder_info(std::string architecture, const nn::DecoderConfig& config) {
  return {.architecture = std::move(architecture),
          .vocab_size = config.vocab_size,
          .hidden_size = config.hidden_size,
          .context_length = config.context_length,
          .n_layers = config.n_layers};
}

std::vector<Entry> decoder_entries(const DecoderParts& parts, const ModelInfo& info, const EntryLimits& limits,
                                   const DecoderOptions& options) {
  const Dim tokens = Dim::symbol("tokens", limits.prefill_tokens);
  const Dim rows = Dim::symbol("rows", limits.prefill_tokens);
  const Dim few = Dim::symbol("tokens", limits.decode_tokens);
  const Dim head_rows = Dim::symbol("rows", limits.decode_tokens);
  const Dim axes = info.position_axes;
  const auto i32 = [](Shape shape) { return TensorType{DType::kI32, std::move(shape)}; };
  const auto f32 = [](Shape shape) { return TensorType{DType::kF32, std::move(shape)}; };

  Entry prefill{.name = "prefill", .inputs = {{"token_ids", i32({tokens})}, {"positions", i32({axes, tokens})}}};
  if (options.takes_media) {
    const Dim media_rows = Dim::symbol("media_rows", limits.prefill_tokens);
    prefill.inputs.push_back({"splice_index", i32({tokens})});
    prefill.inputs.push_back({"media", f32({media_rows, info.hidden_size})});
  }
  for (const graph::TraceInput& row : options.rows) prefill.inputs.push_back(with_first_dim(row, tokens));
  prefill.inputs.push_back({"rows", i32({rows})});
  prefill.forward = [parts, options](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
    Tensor x = parts.embed(in["token_ids"]);
    if (options.takes_media) x = splice(x, in["media"], in["splice_index"]);
    x = nn::tap("inputs_embeds", x);
    nn::Step step{.positions = in["positions"], .token_ids = in["token_ids"]};
    for (const graph::TraceInput& row : options.rows) step.rows.emplace_back(row.name, in[row.name]);
    x = parts.layers(x, step);
    return {{"hidden", parts.norm(gather_rows(x, in["rows"]))}};
  };

  Entry head{.name = "head", .inputs = {{"hidden", f32({head_rows, info.hidden_size})}}};
  head.numeric_class = graph::NumericClass::kDecode;
  head.forward = [parts](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
    return {{"logits", parts.logits(in["hidden"])}};
  };

  Entry decode{.name = "decode", .inputs = {{"token_ids", i32({few})}, {"positions", i32({axes, few})}}};
  decode.numeric_class = graph::NumericClass::kDecode;
  for (const graph::TraceInput& row : options.decode_rows) decode.inputs.push_back(with_first_dim(row, few));
  decode.forward = [parts, options](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
    nn::Step step{.positions = in["positions"], .token_ids = in["token_ids"]};
    for (const graph::TraceInput& row : options.decode_rows) step.rows.emplace_back(row.name, in[row.name]);
    return {{"logits", parts.logits(parts.norm(parts.layers(parts.embed(step.token_ids), step)))}};
  };
  return {prefill, head, decode};
}

DecoderModel::DecoderModel(ModelInfo info, nn::Module root, DecoderParts parts)
    : root_(std::move(root)), parts_(std::move(parts)) {
  info_ = std::move(info);
  states_ = nn::number_states(root_);
}

Result<std::unique_ptr<Model>> build_decoder(std::string architecture, const nn::DecoderConfig& config,
                                             const nn::WeightSource& weights) {
  return build_decoder(std::move(architecture), config, nn::CausalLm(config), weights);
}

Result<std::unique_ptr<Model>> build_decoder(std::string architecture, const nn::DecoderConfig& config,
                                             const nn::CausalLm& lm, const nn::WeightSource& weights) {
  return build_decoder(decoder_info(std::move(architecture), config), lm, parts_of(lm), weights);
}

Result<std::unique_ptr<Model>> build_decoder(ModelInfo info, nn::Module root, DecoderParts parts,
                                             const nn::WeightSource& weights) {
  auto model = std::make_unique<DecoderModel>(std::move(info), std::move(root), std::move(parts));
  GALAGO_CHECK(model->load(weights));
  return std::unique_ptr<Model>(std::move(model));
}

}  // namespace galago::models
