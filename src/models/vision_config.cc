#include "models/vision_config.h"

#include "base/error.h"
#include "base/try.h"

namespace galago::models {
namespace {

constexpr std::int64_t kMaxSize = 1 << 20;

Result<std::int64_t> size(const Json& config, std::string_view key, std::int64_t fallback, std::string_view source) {
  GALAGO_TRY(const std::int64_t value, get_int(config, key, fallback, source));
  if (value >= 1 && value <= kMaxSize) return value;
  return error(ErrorCode::kCorrupt, "{}: \"{}\" is {}; 1 to {} are expected", source, key, value, kMaxSize);
}

struct Defaults {
  std::int64_t hidden_size, intermediate_size, n_heads;
};

Result<nn::EncoderConfig> encoder(const Json& config, std::string_view source, const Defaults& defaults) {
  nn::EncoderConfig encoder;
  GALAGO_TRY(encoder.hidden_size, size(config, "hidden_size", defaults.hidden_size, source));
  GALAGO_TRY(encoder.intermediate_size, size(config, "intermediate_size", defaults.intermediate_size, source));
  GALAGO_TRY(const std::int64_t n_layers, size(config, "num_hidden_layers", 12, source));
  GALAGO_TRY(const std::int64_t n_heads, size(config, "num_attention_heads", defaults.n_heads, source));
  if (n_layers > 4096 || encoder.hidden_size % n_heads != 0) {
    return error(ErrorCode::kCorrupt, "{}: {} layers of {} heads do not divide the hidden size {}", source, n_layers,
                 n_heads, encoder.hidden_size);
  }
  encoder.n_layers = static_cast<int>(n_layers);
  encoder.n_heads = static_cast<int>(n_heads);
  GALAGO_TRY(const double eps, get_number(config, "layer_norm_eps", 1e-5, source));
  encoder.norm_eps = static_cast<float>(eps);
  GALAGO_TRY(encoder.hidden_act, get_string(config, "hidden_act", "quick_gelu", source));
  return encoder;
}

}  // namespace

Result<nn::VisionConfig> vision_config(const Json& config, std::string_view source) {
  nn::VisionConfig vision;
  GALAGO_TRY(vision.encoder, encoder(config, source, {768, 3072, 12}));
  GALAGO_TRY(const std::int64_t image_size, size(config, "image_size", 224, source));
  GALAGO_TRY(const std::int64_t patch_size, size(config, "patch_size", 32, source));
  GALAGO_TRY(const std::int64_t channels, size(config, "num_channels", 3, source));
  if (patch_size > image_size || image_size > 16384 || channels != 3) {
    return error(ErrorCode::kCorrupt,
                 "{}: patches of {} pixels in pictures of {} pixels and {} channels make no sense here", source,
                 patch_size, image_size, channels);
  }
  vision.image_size = static_cast<int>(image_size);
  vision.patch_size = static_cast<int>(patch_size);
  vision.channels = static_cast<int>(channels);
  return vision;
}

Result<nn::EncoderConfig> text_encoder_config(const Json& config, std::string_view source) {
  GALAGO_TRY(nn::EncoderConfig text, encoder(config, source, {512, 2048, 8}));
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
