// LLaVA 1.5: a llama that sees through CLIP and a linear or MLP projector, in Hugging Face's form (model_type llava)
// and in the original repository's (llava_llama).
#include <memory>

#include "base/error.h"
#include "base/try.h"
#include "models/registry.h"
#include "models/vision_config.h"
#include "models/vision_language.h"

namespace galago::models {
namespace {

// linear_1, activation, linear_2
struct MlpProjector : nn::Module {
  nn::Linear linear_1, linear_2;
  nn::Activation activation;
  MlpProjector(std::int64_t in, std::int64_t out, nn::Activation act)
      : linear_1(add("linear_1", nn::Linear(in, out))),
        linear_2(add("linear_2", nn::Linear(out, out))),
        activation(act) {}
  Tensor operator()(const Tensor& x) const { return linear_2(nn::activate(activation, linear_1(x))); }
};

// mm_projector as a torch Sequential: "0" alone, or "0", gelu, "2", gelu, "4", ...
struct SequentialProjector : nn::Module {
  std::vector<nn::Linear> linears;
  SequentialProjector(std::int64_t in, std::int64_t out, int depth, bool numbered) {
    for (int i = 0; i < depth; ++i) {
      linears.push_back(add(numbered ? std::to_string(2 * i) : "", nn::Linear(i == 0 ? in : out, out)));
    }
  }
  Tensor operator()(Tensor x) const {
    for (std::size_t i = 0; i < linears.size(); ++i) x = linears[i](i == 0 ? x : gelu(x));
    return x;
  }
};

struct HfLlava : nn::Module {
  nn::CausalLm language_model;
  nn::VisionTransformer vision_model;
  MlpProjector projector;
  HfLlava(const VisionLanguageConfig& config, nn::Activation act)
      : language_model(add("language_model", nn::CausalLm(config.decoder))),
        vision_model(add("vision_tower.vision_model", nn::VisionTransformer(config.vision))),
        projector(add("multi_modal_projector",
                      MlpProjector(config.vision.encoder.hidden_size, config.decoder.hidden_size, act))) {}
};

struct OriginalLlava : nn::Module {
  nn::CausalLm language_model;
  nn::VisionTransformer vision_model;
  SequentialProjector projector;
  OriginalLlava(const VisionLanguageConfig& config, int depth, bool numbered)
      : language_model(add("", nn::CausalLm(config.decoder))),
        vision_model(add("model.vision_tower.vision_tower.vision_model", nn::VisionTransformer(config.vision))),
        projector(add("model.mm_projector", SequentialProjector(config.vision.encoder.hidden_size,
                                                                config.decoder.hidden_size, depth, numbered))) {}
};

Result<VisionLanguageConfig> hf_config(const ModelSource& source) {
  const ConfigReader reader(source.config, source.description());
  GALAGO_TRY(const ConfigReader text, reader.object("text_config"));
  GALAGO_TRY(const ConfigReader vision, reader.object("vision_config"));
  // Published configs leave out what the class LlamaConfig has by default.
  const Json text_config = with_defaults(text.json(), {{"vocab_size", 32000},
                                                       {"hidden_size", 4096},
                                                       {"intermediate_size", 11008},
                                                       {"num_hidden_layers", 32},
                                                       {"num_attention_heads", 32}});
  VisionLanguageConfig config;
  GALAGO_TRY(config.decoder, decoder_config(ConfigReader(text_config, text.source()), source.sequence_length));
  GALAGO_TRY(config.decoder.tie_word_embeddings, reader.boolean("tie_word_embeddings", false));
  GALAGO_TRY(config.vision, vision_config(vision));
  GALAGO_TRY(config.feature_layer, feature_layer(reader, "vision_feature_layer", config.vision));
  GALAGO_TRY(config.keeps_class_token, keeps_class_token(reader, "vision_feature_select_strategy", "default", "full"));
  config.rows_per_image = config.vision.n_patches() + (config.keeps_class_token ? 1 : 0);
  GALAGO_TRY(config.pixels, image_processor_of(source, config.vision.image_size));
  const std::int64_t last_token = config.decoder.vocab_size - 1;
  GALAGO_TRY(const std::int64_t old_token, reader.integer("image_token_index", 32000, 0, last_token));
  GALAGO_TRY(const std::int64_t token, reader.integer("image_token_id", old_token, 0, last_token));
  if (token > last_token) {
    return error(ErrorCode::kCorrupt, "{}: the image token {} is outside the vocabulary of {}", reader.source(), token,
                 config.decoder.vocab_size);
  }
  config.image_token = static_cast<text::TokenId>(token);
  return config;
}

// "linear" is one layer without a number in its name, "mlp3x_gelu" three.
Result<int> projector_depth(const std::string& type, std::string_view where) {
  if (type == "linear") return 1;
  if (type.size() == 10 && type.starts_with("mlp") && type.ends_with("x_gelu") && type[3] >= '1' && type[3] <= '9') {
    return type[3] - '0';
  }
  return error(ErrorCode::kUnsupported,
               "{}: the projector \"{}\" (mm_projector_type) is not known here; linear and mlp2x_gelu are", where,
               type);
}

template <class Root>
Result<std::unique_ptr<Model>> finish(std::string architecture, const VisionLanguageConfig& config, const Root& root,
                                      const nn::WeightSource& weights) {
  auto model = std::make_unique<VisionLanguageModel>(std::move(architecture), config, root,
                                                     parts_of(root.language_model), root.vision_model, root.projector);
  GALAGO_CHECK(model->load(weights));
  return std::unique_ptr<Model>(std::move(model));
}

Result<std::unique_ptr<Model>> build_llava(const ModelSource& source) {
  const ConfigReader reader(source.config, source.description());
  GALAGO_TRY(const std::string model_type, reader.string("model_type", "llava"));
  if (model_type == "llava") {
    GALAGO_TRY(const VisionLanguageConfig config, hf_config(source));
    GALAGO_TRY(const nn::Activation act, reader.activation("projector_hidden_act", "gelu"));
    return finish("llava", config, HfLlava(config, act), *source.weights);
  }
  GALAGO_TRY(const VisionLanguageConfig config, mm_config(source));
  GALAGO_TRY(const std::string type, reader.string("mm_projector_type", "linear"));
  GALAGO_TRY(const int depth, projector_depth(type, reader.source()));
  return finish("llava", config, OriginalLlava(config, depth, type != "linear"), *source.weights);
}

}  // namespace

const Architecture& llava_architecture() {
  static const Architecture kLlava{.name = "llava",
                                   .model_types = {"llava", "llava_llama"},
                                   // transformers from 4.52 on saves under other names.
                                   .rules = {{"language_model.model.{*}", {"model.language_model.{}"}},
                                             {"language_model.lm_head.{*}", {"lm_head.{}"}},
                                             {"vision_tower.{*}", {"model.vision_tower.{}"}},
                                             {"multi_modal_projector.{*}", {"model.multi_modal_projector.{}"}}},
                                   .build = build_llava};
  return kLlava;
}

}  // namespace galago::models
