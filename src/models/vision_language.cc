#include "models/vision_language.h"

#include "base/error.h"
#include "base/try.h"
#include "models/vision_config.h"
#include "nn/tap.h"

namespace galago::models {
namespace {

// Vicuna's conversation, which LLaVA 1.5 and MobileVLM were trained with.
constexpr std::string_view kVicunaTemplate =
    "{%- set ns = namespace(system='A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user\\'s questions.') -%}"
    "{%- for message in messages if message['role'] == 'system' -%}{%- set ns.system = message['content'] -%}{%- "
    "endfor -%}"
    "{{- ns.system -}}"
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'user' -%}{{- ' USER: ' + message['content'] -}}"
    "{%- elif message['role'] == 'assistant' -%}{{- ' ASSISTANT: ' + message['content'] + '</s>' -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- ' ASSISTANT:' -}}{%- endif -%}";

// The towers that published checkpoints name without bringing their configuration.
Result<Json> named_tower(const std::string& tower, std::string_view source) {
  Json config = Json::object();
  if (tower.find("clip-vit-large-patch14") == std::string::npos) {
    return error(ErrorCode::kNotFound,
                 "{}: the vision tower \"{}\" is described nowhere; put its config.json into the folder vision_tower/",
                 source, tower);
  }
  config = {{"hidden_size", 1024}, {"intermediate_size", 4096}, {"num_hidden_layers", 24}, {"num_attention_heads", 16}};
  config["patch_size"] = 14;
  config["image_size"] = tower.ends_with("-336") ? 336 : 224;
  return config;
}

Result<Json> tower_config(const ModelSource& source) {
  GALAGO_TRY(const std::optional<std::string> text, source.checkpoint->side_file("vision_tower/config.json"));
  if (!text) {
    GALAGO_TRY(const std::string tower, get_string(source.config, "mm_vision_tower", "", source.description()));
    return named_tower(tower, source.description());
  }
  GALAGO_TRY(const Json config, parse_json(*text, source.description() + "/vision_tower/config.json"));
  const Json* nested = find(config, "vision_config");  // of a whole CLIP
  return nested != nullptr ? *nested : config;
}

}  // namespace

Result<media::ImageProcessorConfig> image_processor_of(const ModelSource& source, int image_size) {
  for (const char* name :
       {"preprocessor_config.json", "processor_config.json", "vision_tower/preprocessor_config.json"}) {
    GALAGO_TRY(const std::optional<std::string> text, source.checkpoint->side_file(name));
    if (!text) continue;
    GALAGO_TRY(const Json json, parse_json(*text, source.description() + "/" + name));
    const bool describes_pixels = find(json, "image_processor") != nullptr || find(json, "image_mean") != nullptr ||
                                  find(json, "size") != nullptr;
    if (describes_pixels) return media::parse_image_processor(*text, source.description() + "/" + name);
  }
  return media::ImageProcessorConfig{.size = {.shortest_edge = image_size}, .crop_size = {image_size, image_size}};
}

Result<int> feature_layer(const ConfigReader& reader, std::string_view key, const nn::VisionConfig& vision) {
  const int n_layers = vision.encoder.n_layers;
  GALAGO_TRY(const std::int64_t layer, reader.integer(key, -2, -n_layers - 1, n_layers));
  return static_cast<int>(layer);
}

Result<bool> keeps_class_token(const ConfigReader& reader, std::string_view key, std::string_view patches,
                               std::string_view all) {
  GALAGO_TRY(const std::string chosen, reader.string(key, patches));
  if (chosen == patches || chosen == all) return chosen == all;
  return error(ErrorCode::kUnsupported, "{}: \"{}\" is \"{}\"; {} and {} are known here", reader.source(), key, chosen,
               patches, all);
}

Result<VisionLanguageConfig> mm_config(const ModelSource& source) {
  const ConfigReader reader(source.config, source.description());
  VisionLanguageConfig config;
  GALAGO_TRY(config.decoder, decoder_config(source));
  GALAGO_TRY(const Json tower, tower_config(source));
  GALAGO_TRY(config.vision, vision_config(ConfigReader(tower, reader.source() + "/vision_tower")));
  GALAGO_TRY(config.feature_layer, feature_layer(reader, "mm_vision_select_layer", config.vision));
  GALAGO_TRY(config.keeps_class_token, keeps_class_token(reader, "mm_vision_select_feature", "patch", "cls_patch"));
  config.rows_per_image = config.vision.n_patches() + (config.keeps_class_token ? 1 : 0);
  GALAGO_TRY(const std::string aspect, reader.string("image_aspect_ratio", "square"));
  config.pad_to_square = aspect == "pad";
  if (aspect == "anyres") {
    return error(ErrorCode::kUnsupported,
                 "{}: \"image_aspect_ratio\" is \"anyres\" (LLaVA-NeXT), which is not supported", reader.source());
  }
  GALAGO_TRY(config.pixels, image_processor_of(source, config.vision.image_size));
  return config;
}

VisionLanguageModel::VisionLanguageModel(std::string architecture, VisionLanguageConfig config, nn::Module root,
                                         DecoderParts parts, nn::VisionTransformer tower, Projector projector)
    : config_(config),
      root_(std::move(root)),
      parts_(std::move(parts)),
      tower_(std::move(tower)),
      projector_(std::move(projector)),
      processor_(std::move(config)) {
  info_ = decoder_info(std::move(architecture), config_.decoder);
  states_ = nn::number_states(root_);
}

std::vector<Entry> VisionLanguageModel::entries(const EntryLimits& limits) const {
  std::vector<Entry> entries = decoder_entries(parts_, info_, limits, {.takes_media = true});
  const nn::VisionConfig& vision = config_.vision;
  Entry encode{.name = "encode_image",
               .inputs = {{"pixels", {DType::kF32, {vision.channels, vision.image_size, vision.image_size}}}}};
  encode.forward = [tower = tower_, projector = projector_,
                    config = config_](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
    Tensor hidden = tower.hidden(in["pixels"], config.feature_layer);
    const bool stage_has_class = config.image_token.has_value();  // as the respective original returns it
    if (stage_has_class) hidden = nn::tap("vision_hidden", hidden);
    if (!config.keeps_class_token) hidden = slice(hidden, 0, 1, config.vision.n_patches());
    if (!stage_has_class) hidden = nn::tap("vision_hidden", hidden);
    return {{"image_embeds", projector(hidden)}};
  };
  entries.push_back(std::move(encode));
  return entries;
}

std::string VisionLanguageModel::default_chat_template() const { return std::string(kVicunaTemplate); }

}  // namespace galago::models
