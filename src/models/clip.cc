// CLIP: a vision and a text tower whose embeddings are compared [Radford et al. 2021].
#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "base/try.h"
#include "models/registry.h"
#include "models/stage_table.h"
#include "models/vision_config.h"
#include "models/vision_language.h"
#include "nn/tap.h"

namespace galago::models {
namespace {

constexpr std::int64_t kMostCompared = 256;  // pictures, and texts, of one table of similarities

// "embeddings": token_embedding.weight, position_embedding.weight
struct TextEmbeddings : nn::Module {
  nn::Embedding token_embedding, position_embedding;
  TextEmbeddings(std::int64_t vocab, std::int64_t positions, std::int64_t hidden)
      : token_embedding(add("token_embedding", nn::Embedding(vocab, hidden))),
        position_embedding(add("position_embedding", nn::Embedding(positions, hidden))) {}
};

struct TextTransformer : nn::Module {
  TextEmbeddings embeddings;
  nn::Encoder encoder;
  nn::LayerNorm final_layer_norm;
  TextTransformer(const nn::EncoderConfig& config, std::int64_t vocab, std::int64_t positions)
      : embeddings(add("embeddings", TextEmbeddings(vocab, positions, config.hidden_size))),
        encoder(add("encoder", nn::Encoder(config))),
        final_layer_norm(add("final_layer_norm", nn::LayerNorm(config.hidden_size, config.norm_eps))) {}
};

struct ClipConfig {
  nn::VisionConfig vision;
  nn::EncoderConfig text;
  std::int64_t vocab_size = 49408;
  std::int64_t max_positions = 77;
  std::int64_t eos = 49407;
  std::int64_t projection_dim = 512;
  media::ImageProcessorConfig pixels;
};

struct ClipModules : nn::Module {
  nn::VisionTransformer vision_model;
  TextTransformer text_model;
  nn::Linear visual_projection, text_projection;
  nn::Parameter logit_scale;
  explicit ClipModules(const ClipConfig& c)
      : vision_model(add("vision_model", nn::VisionTransformer(c.vision))),
        text_model(add("text_model", TextTransformer(c.text, c.vocab_size, c.max_positions))),
        visual_projection(add("visual_projection", nn::Linear(c.vision.encoder.hidden_size, c.projection_dim, false))),
        text_projection(add("text_projection", nn::Linear(c.text.hidden_size, c.projection_dim, false))),
        logit_scale(values("logit_scale", {})) {}
};

class ClipProcessor : public TextProcessor {
 public:
  ClipProcessor(media::ImageProcessorConfig config, int image_size) : config_(std::move(config)), size_(image_size) {}
  Result<Tensor> pixels(const Image& image) const override { return tower_pixels(image, config_, false, size_); }

 private:
  media::ImageProcessorConfig config_;
  int size_;
};

class Clip : public Model {
 public:
  explicit Clip(const ClipConfig& config)
      : config_(config), modules_(config), processor_(config.pixels, config.vision.image_size) {
    info_ = {.architecture = "clip",
             .hidden_size = config.projection_dim,
             .context_length = config.max_positions,
             .n_layers = config.vision.encoder.n_layers};
  }
  Status load(const nn::WeightSource& weights) { return modules_.load(weights); }
  const nn::Module& module() const override { return modules_; }
  const Processor& processor() const override { return processor_; }
  std::vector<Entry> entries(const EntryLimits& limits) const override;
  Result<std::vector<graph::NamedTensor>> encode(const EncodeRequest& request, EntryRunner& runner) const override;

 private:
  struct Texts {
    std::vector<std::vector<std::int32_t>> ids, mask;  // all rows equally long
  };
  Result<Texts> texts_of(const EncodeRequest& request) const;
  std::int32_t pooled_position(const std::vector<std::int32_t>& ids) const;

  ClipConfig config_;
  ClipModules modules_;
  ClipProcessor processor_;
};

std::vector<Entry> Clip::entries(const EntryLimits&) const {
  const auto i32 = [](Shape shape) { return TensorType{DType::kI32, std::move(shape)}; };
  const nn::VisionConfig& vision = config_.vision;
  Entry image{.name = "encode_image",
              .inputs = {{"pixels", {DType::kF32, {vision.channels, vision.image_size, vision.image_size}}}}};
  image.forward = [m = modules_](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
    const Tensor hidden = nn::tap("vision_hidden", m.vision_model.hidden(in["pixels"]));
    const Tensor pooled = nn::tap("vision_pooled", m.visual_projection(m.vision_model.pooled(hidden)));
    return {{"image_embeds", l2_normalize(pooled)}};
  };

  // key_segment is -1 for padding, which no row sees.
  const Dim tokens = Dim::symbol("tokens", config_.max_positions);
  Entry text{.name = "encode_text",
             .inputs = {{"token_ids", i32({tokens})},
                        {"positions", i32({tokens})},
                        {"query_segment", i32({tokens})},
                        {"key_segment", i32({tokens})},
                        {"pooled_row", i32({1})}}};
  text.forward = [m = modules_](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
    const TextEmbeddings& table = m.text_model.embeddings;
    const Tensor x = table.token_embedding(in["token_ids"]) + table.position_embedding(in["positions"]);
    const Tensor encoded = m.text_model.encoder(x, -1, in["query_segment"], in["key_segment"]);
    const Tensor hidden = nn::tap("text_hidden", m.text_model.final_layer_norm(encoded));
    const Tensor pooled = nn::tap("text_pooled", m.text_projection(gather_rows(hidden, in["pooled_row"])));
    return {{"text_embeds", l2_normalize(pooled)}};
  };

  const Dim images = Dim::symbol("images", kMostCompared), texts = Dim::symbol("texts", kMostCompared);
  Entry similarity{.name = "similarity",
                   .inputs = {{"image_embeds", {DType::kF32, {images, config_.projection_dim}}},
                              {"text_embeds", {DType::kF32, {texts, config_.projection_dim}}}}};
  similarity.forward = [m = modules_](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
    const float factor = std::exp(m.logit_scale.tensor().floats()[0]);
    const Tensor logits = galago::scale(matmul(in["image_embeds"], in["text_embeds"]), factor);
    return {{"logits_per_image", logits}, {"probs", softmax(logits)}};
  };
  return {image, text, similarity};
}

Result<Clip::Texts> Clip::texts_of(const EncodeRequest& request) const {
  Texts texts;
  if (const Tensor* ids = find_given(request, "input_ids")) {
    texts.ids = unstacked(*ids);
    const Tensor* mask = find_given(request, "attention_mask");
    texts.mask = mask != nullptr ? unstacked(*mask) : texts.ids;
    if (mask == nullptr) {
      for (auto& row : texts.mask) std::fill(row.begin(), row.end(), 1);
    }
  } else {
    std::size_t longest = 0;
    for (const std::string& text : request.texts) {
      GALAGO_TRY(std::vector<text::TokenId> row, request.tokenizer->encode(text, {.add_bos_eos = true}));
      const auto most = static_cast<std::size_t>(config_.max_positions);
      if (row.size() > most) {
        return error(ErrorCode::kOutOfRange, "a text of {} tokens; this model reads at most {}", row.size(), most);
      }
      longest = std::max(longest, row.size());
      texts.ids.push_back(std::move(row));
    }
    const text::TokenId pad = request.tokenizer->pad().value_or(request.tokenizer->eos().value_or(0));
    for (auto& row : texts.ids) {
      texts.mask.emplace_back(row.size(), 1);
      texts.mask.back().resize(longest, 0);
      row.resize(longest, pad);
    }
  }
  const std::size_t width = texts.ids.empty() ? 0 : texts.ids[0].size();
  if (texts.mask.size() != texts.ids.size() || width > static_cast<std::size_t>(config_.max_positions)) {
    return error(ErrorCode::kInvalidArgument, "attention_mask and input_ids do not fit each other or the model");
  }
  return texts;
}

// The row that stands for the text: of the end token; in the checkpoints whose config says 2 for it, of the highest id.
std::int32_t Clip::pooled_position(const std::vector<std::int32_t>& ids) const {
  if (config_.eos == 2) return static_cast<std::int32_t>(std::max_element(ids.begin(), ids.end()) - ids.begin());
  const auto end = std::find(ids.begin(), ids.end(), static_cast<std::int32_t>(config_.eos));
  return end == ids.end() ? 0 : static_cast<std::int32_t>(end - ids.begin());
}

Result<std::vector<graph::NamedTensor>> Clip::encode(const EncodeRequest& request, EntryRunner& runner) const {
  GALAGO_TRY(const Texts texts, texts_of(request));
  const nn::VisionConfig& vision = config_.vision;
  const Shape picture = {vision.channels, vision.image_size, vision.image_size};
  GALAGO_TRY(const std::vector<Tensor> pixels, pictures_of(request, processor_, picture));
  std::vector<graph::NamedTensor> stages = {
      {"input_ids", stacked(texts.ids)}, {"attention_mask", stacked(texts.mask)}, {"pixel_values", joined(pixels)}};
  StageTable image_stages, text_stages;
  for (const Tensor& one : pixels) {
    GALAGO_TRY(const auto outputs, runner.run("encode_image", std::array{graph::NamedTensor{"pixels", one}}));
    image_stages.add(outputs);
  }
  for (std::size_t t = 0; t < texts.ids.size(); ++t) {
    const auto& ids = texts.ids[t];
    const auto n = static_cast<std::int64_t>(ids.size());
    std::vector<std::int32_t> positions(ids.size()), queries(ids.size(), 0), keys(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      positions[i] = static_cast<std::int32_t>(i);
      keys[i] = texts.mask[t][i] != 0 ? 0 : -1;
    }
    const auto row = [n](const std::vector<std::int32_t>& values) {
      return Tensor::from(std::span<const std::int32_t>(values), {n});
    };
    const std::vector<std::int32_t> pooled = {pooled_position(ids)};
    const std::vector<graph::NamedTensor> inputs = {
        {"token_ids", row(ids)},
        {"positions", row(positions)},
        {"query_segment", row(queries)},
        {"key_segment", row(keys)},
        {"pooled_row", Tensor::from(std::span<const std::int32_t>(pooled), {1})}};
    GALAGO_TRY(const auto outputs, runner.run("encode_text", inputs));
    text_stages.add(outputs);
  }
  image_stages.append_to(stages);
  text_stages.append_to(stages);
  if (pixels.empty() || texts.ids.empty()) return stages;
  const std::vector<graph::NamedTensor> embeds = {{"image_embeds", image_stages.find("image_embeds")},
                                                  {"text_embeds", text_stages.find("text_embeds")}};
  GALAGO_TRY(const auto outputs, runner.run("similarity", embeds));
  stages.insert(stages.end(), outputs.begin(), outputs.end());
  return stages;
}

Result<std::unique_ptr<Model>> build_clip(const ModelSource& source) {
  constexpr std::int64_t kMost = 1 << 24;
  const ConfigReader reader(source.config, source.description());
  const Json empty = Json::object();
  const ConfigReader defaults(empty, reader.source());
  GALAGO_TRY(const std::optional<ConfigReader> given_text, reader.optional_object("text_config"));
  GALAGO_TRY(const std::optional<ConfigReader> vision, reader.optional_object("vision_config"));
  const ConfigReader& text = given_text ? *given_text : defaults;
  ClipConfig config;
  GALAGO_TRY(config.vision, vision_config(vision ? *vision : defaults));
  GALAGO_TRY(config.text, text_encoder_config(text));
  GALAGO_TRY(config.vocab_size, text.size("vocab_size", 49408, kMost));
  GALAGO_TRY(config.max_positions, text.size("max_position_embeddings", 77, kMost));
  GALAGO_TRY(config.eos, text.integer("eos_token_id", 49407, 0, kMost));
  GALAGO_TRY(config.projection_dim, reader.size("projection_dim", 512, kMost));
  GALAGO_TRY(config.pixels, image_processor_of(source, config.vision.image_size));
  auto model = std::make_unique<Clip>(config);
  GALAGO_CHECK(model->load(*source.weights));
  return std::unique_ptr<Model>(std::move(model));
}

}  // namespace

const Architecture& clip_architecture() {
  static const Architecture kClip{.name = "clip", .model_types = {"clip"}, .build = build_clip};
  return kClip;
}

}  // namespace galago::models
