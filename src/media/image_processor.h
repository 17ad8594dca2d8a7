// From a picture to a vision tower's input, as preprocessor_config.json describes it.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "galago/image.h"
#include "galago/result.h"
#include "media/resize.h"
#include "media/transform.h"

namespace galago::media {

// The target of a resize; 0 means not given. Either width and height, or the length of the shorter side.
struct TargetSize {
  int width = 0;
  int height = 0;
  int shortest_edge = 0;
  int longest_edge = 0;  // read for models with a rule of their own; process() refuses it
};

// What an absent key means is up to the processor class that a model was published with. These defaults are the most
// common class's (CLIP); a model whose class has others passes them to parse_image_processor().
struct ImageProcessorConfig {
  std::string type;  // image_processor_type or feature_extractor_type
  bool do_resize = true;
  bool do_center_crop = true;
  bool do_rescale = true;
  bool do_normalize = true;
  bool square_size = false;  // "size": 224 means 224x224, and not a shortest edge of 224
  Filter resample = Filter::kBicubic;
  TargetSize size = {.shortest_edge = 224};
  Size crop_size = {224, 224};
  double rescale_factor = 1.0 / 255.0;
  std::array<double, 3> image_mean = {0.48145466, 0.4578275, 0.40821073};
  std::array<double, 3> image_std = {0.26862954, 0.26130258, 0.27577711};
};

// Reads preprocessor_config.json, or a processor_config.json that holds one under "image_processor". Sizes may be
// numbers or objects, resample a number or a name, mean and std one number or three. `source` names it in errors.
Result<ImageProcessorConfig> parse_image_processor(std::string_view json, std::string_view source,
                                                   const ImageProcessorConfig& defaults = {});

// One picture as [channels, height, width].
struct PixelValues {
  int channels = 0;
  int height = 0;
  int width = 0;
  std::vector<float> values;
};

// Resize, centre crop, rescale, normalize: those that the config asks for, in this order. `pad_to_square` first puts
// the picture on a square of the mean colour (LLaVA's image_aspect_ratio "pad").
Result<PixelValues> process(const Image& image, const ImageProcessorConfig& config, bool pad_to_square = false);

// The picture after resize and crop, before it becomes floats: what the model gets to see.
Result<Image> process_pixels(const Image& image, const ImageProcessorConfig& config, bool pad_to_square = false);

}  // namespace galago::media
