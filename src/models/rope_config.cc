#include "models/rope_config.h"

#include "base/error.h"
#include "base/try.h"

namespace galago::models {
namespace {

constexpr double kDefaultTheta = 10000.0;
constexpr std::int64_t kDefaultContext = 2048;  // max_position_embeddings of LlamaConfig

// The object that says how rope is scaled, or nothing.
Result<std::optional<ConfigReader>> scaling_of(const ConfigReader& reader, std::string_view layer_type) {
  GALAGO_TRY(std::optional<ConfigReader> parameters, reader.optional_object("rope_parameters"));
  if (!parameters) return reader.optional_object("rope_scaling");
  if (layer_type.empty()) return parameters;
  GALAGO_TRY(std::optional<ConfigReader> of_layer, parameters->optional_object(layer_type));
  return of_layer ? of_layer : parameters;
}

// Of a scaling that has one: the configuration's own key wins, then the scaling's, then the trained context.
Result<std::int64_t> original_context(const ConfigReader& reader, const ConfigReader& scaling, std::int64_t trained) {
  constexpr std::string_view kKey = "original_max_position_embeddings";
  return (reader.has(kKey) ? reader : scaling).size(kKey, trained);
}

Result<std::optional<double>> attention_factor(const ConfigReader& scaling) {
  if (!scaling.has("attention_factor")) return std::optional<double>();
  GALAGO_TRY(const double factor, scaling.positive("attention_factor", 1.0));
  return std::optional(factor);
}

Result<nn::RopeScaling> yarn(const ConfigReader& scaling, std::int64_t original, std::int64_t trained) {
  nn::YarnScaling yarn{.original_context = original};
  GALAGO_TRY(yarn.factor,
             scaling.positive("factor", static_cast<double>(trained) / static_cast<double>(yarn.original_context)));
  GALAGO_TRY(yarn.beta_fast, scaling.positive("beta_fast", 32.0));
  GALAGO_TRY(yarn.beta_slow, scaling.positive("beta_slow", 1.0));
  GALAGO_TRY(yarn.truncate, scaling.boolean("truncate", true));
  GALAGO_TRY(yarn.attention_factor, attention_factor(scaling));
  GALAGO_TRY(yarn.mscale, scaling.number("mscale", 0.0));
  GALAGO_TRY(yarn.mscale_all_dim, scaling.number("mscale_all_dim", 0.0));
  return nn::RopeScaling(yarn);
}

Result<nn::RopeScaling> llama3(const ConfigReader& scaling, std::int64_t original) {
  nn::Llama3Scaling llama3{.original_context = original};
  GALAGO_TRY(llama3.factor, scaling.positive("factor", 1.0));
  GALAGO_TRY(llama3.low_freq_factor, scaling.positive("low_freq_factor", 1.0));
  GALAGO_TRY(llama3.high_freq_factor, scaling.positive("high_freq_factor", 4.0));
  return nn::RopeScaling(llama3);
}

Result<nn::RopeScaling> longrope(const ConfigReader& scaling, std::int64_t original) {
  nn::LongScaling longrope{.original_context = original};
  GALAGO_TRY(longrope.short_factor, scaling.numbers("short_factor"));
  GALAGO_TRY(longrope.long_factor, scaling.numbers("long_factor"));
  if (scaling.has("factor")) {
    GALAGO_TRY(longrope.factor, scaling.positive("factor", 1.0));
  }
  GALAGO_TRY(longrope.attention_factor, attention_factor(scaling));
  return nn::RopeScaling(longrope);
}

Result<nn::RopeScaling> typed(const ConfigReader& reader, const ConfigReader& scaling, std::int64_t trained,
                              double proportion) {
  GALAGO_TRY(const std::string old_key, scaling.string("type", "default"));
  GALAGO_TRY(const std::string type, scaling.string("rope_type", old_key));
  GALAGO_TRY(const double factor, scaling.positive("factor", 1.0));
  GALAGO_TRY(const std::int64_t original, original_context(reader, scaling, trained));
  // "mrope" says that positions have several axes, which is the model's own business.
  if (type == "default" || type == "mrope") return nn::RopeScaling();
  if (type == "linear") return nn::RopeScaling(nn::LinearScaling{factor});
  if (type == "dynamic") return nn::RopeScaling(nn::DynamicScaling{factor});
  if (type == "yarn") return yarn(scaling, original, trained);
  if (type == "llama3") return llama3(scaling, original);
  if (type == "longrope" || type == "su") return longrope(scaling, original);  // "su": the first Phi-3 configs
  if (type == "proportional") return nn::RopeScaling(nn::ProportionalScaling{proportion, factor});
  return error(ErrorCode::kUnsupported,
               "{}: the rope scaling \"{}\" is not known here; linear, dynamic, yarn, llama3, longrope and "
               "proportional are",
               scaling.source(), type);
}

}  // namespace

Result<nn::RopeConfig> rope_config(const ConfigReader& reader, std::int64_t head_dim, std::int64_t sequence_length,
                                   std::string_view layer_type) {
  nn::RopeConfig rope{.sequence_length = sequence_length};
  GALAGO_TRY(const std::optional<ConfigReader> scaling, scaling_of(reader, layer_type));
  GALAGO_TRY(rope.trained_context, reader.size("max_position_embeddings", kDefaultContext));
  GALAGO_TRY(rope.theta, reader.positive("rope_theta", kDefaultTheta));
  GALAGO_TRY(double proportion, reader.positive("partial_rotary_factor", 1.0));
  if (scaling) {
    GALAGO_TRY(rope.theta, scaling->positive("rope_theta", rope.theta));
    GALAGO_TRY(proportion, scaling->positive("partial_rotary_factor", proportion));
    GALAGO_TRY(rope.scaling, typed(reader, *scaling, rope.trained_context, proportion));
  }
  const bool whole_head = std::holds_alternative<nn::ProportionalScaling>(rope.scaling);
  if (proportion > 1.0) {
    return error(ErrorCode::kCorrupt, "{}: \"partial_rotary_factor\" is {}; at most 1 is expected", reader.source(),
                 proportion);
  }
  const auto part = static_cast<std::int64_t>(static_cast<double>(head_dim) * (whole_head ? 1.0 : proportion));
  GALAGO_TRY(const std::int64_t rotary_dim, reader.integer("rotary_dim", part, 1, head_dim));
  rope.rotary_dim = static_cast<int>(rotary_dim);
  GALAGO_TRY(const std::vector<double> divisors, reader.numbers("rope_divisors"));
  rope.divisors.assign(divisors.begin(), divisors.end());
  auto frequencies = nn::rope_frequencies(rope);
  if (!frequencies.ok()) {
    return error(frequencies.error().code, "{}: {}", reader.source(), frequencies.error().message);
  }
  return rope;
}

}  // namespace galago::models
