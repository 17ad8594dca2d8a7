// The vision_config of Hugging Face's CLIP family: towers of pre-norm vision transformers.
#pragma once

#include "media/image_processor.h"
#include "models/config_reader.h"
#include "nn/vision_transformer.h"

namespace galago::models {

// Reads sizes and checks them; absent keys have the class defaults of CLIPVisionConfig.
Result<nn::VisionConfig> vision_config(const ConfigReader& reader);
// The same for a text tower (CLIPTextConfig's defaults): causal.
Result<nn::EncoderConfig> text_encoder_config(const ConfigReader& reader);

// The pixels of a picture as a tensor f32 (channels, height, width) for a square tower of `image_size`. Fails when the
// preprocessor gives another size.
Result<Tensor> tower_pixels(const Image& image, const media::ImageProcessorConfig& processor, bool pad_to_square,
                            int image_size);

}  // namespace galago::models
