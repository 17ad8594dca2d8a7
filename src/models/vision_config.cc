#include "models/vision_config.h"

#include "base/error.h"
#include "base/try.h"

namespace galago::models {
namespace {

constexpr std::int64_t kMaxTowerSize = 1 << 20;

struct Defaults {
  std::int64_t hidden_size, intermediate_size, n_heads;
};

Result<nn::EncoderConfig> encoder(const ConfigReader& reader, const Defaults& defaults) {
  nn::EncoderConfig encoder;
  GALAGO_TRY(encoder.hidden_size, reader.size("hidden_size", defaults.hidden_size, kMaxTowerSize));
  GALAGO_TRY(encoder.intermediate_size, reader.size("intermediate_size", defaults.intermediate_size, kMaxTowerSize));
  GALAGO_TRY(const std::int64_t n_layers, reader.size("num_hidden_layers", 12, kMaxLayers));
  GALAGO_TRY(const std::int64_t n_heads, reader.size("num_attention_heads", defaults.n_heads, kMaxTowerSize));
  if (encoder.hidden_size % n_heads != 0) {
    return error(ErrorCode::kCorrupt, "{}: {} heads do not divide the hidden size {}", reader.source(), n_heads,
                 encoder.hidden_size);
  }
  encoder.n_layers = static_cast<int>(n_layers);
  encoder.n_heads = static_cast<int>(n_heads);
  GALAGO_TRY(encoder.norm_eps, reader.positive_float("layer_norm_eps", 1e-5));
  GALAGO_TRY(encoder.activation, reader.activation("hidden_act", "quick_gelu"));
  return encoder;
}

}  // namespace

Result<nn::VisionConfig> vision_config(const ConfigReader& reader) {
  nn::VisionConfig vision;
  GALAGO_TRY(vision.encoder, encoder(reader, {768, 3072, 12}));
  GALAGO_TRY(const std::int64_t image_size, reader.size("image_size", 224, 16384));
  GALAGO_TRY(const std::int64_t patch_size, reader.size("patch_size", 32, image_size));
  GALAGO_TRY(const std::int64_t channels, reader.integer("num_channels", 3, 3, 3));
  vision.image_size = static_cast<int>(image_size);
  vision.patch_size = static_cast<int>(patch_size);
  vision.channels = static_cast<int>(channels);
  return vision;
}

Result<nn::EncoderConfig> text_encoder_config(const ConfigReader& reader) {
  GALAGO_TRY(nn::EncoderConfig text, encoder(reader, {512, 2048, 8}));
  text.causal = true;
  return text;
}

Result<Tensor> tower_pixels(const Image& image, const media::ImageProcessorConfig& processor, bool pad_to_square,
                            int image_size) {
  GALAGO_TRY(const media::PixelValues pixels, media::process(image, processor, pad_to_square));
  if (pixels.height != image_size || pixels.width != image_size) {
    return error(ErrorCode::kCorrupt,
                 "the preprocessor's configuration makes pictures of {} x {} pixels; the vision tower takes {} x {}",
                 pixels.width, pixels.height, image_size, image_size);
  }
  Tensor tensor = Tensor::from(std::span<const float>(pixels.values), {pixels.channels, pixels.height, pixels.width});
  if (!tensor.ok()) return tensor.error();
  return tensor;
}

}  // namespace galago::models
