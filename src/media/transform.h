// Cropping, padding, sizes and normalization, with the roundings of transformers' Pillow image processors.
#pragma once

#include <array>
#include <vector>

#include "galago/image.h"
#include "galago/result.h"
#include "media/resize.h"

namespace galago::media {

struct Size {
  int width = 0;
  int height = 0;
  bool operator==(const Size&) const = default;
};

// The size at which the shorter side of `from` is `edge` and the proportions stay: the longer one is truncated,
// int(edge * long / short). Fails when it exceeds kMaxSide.
Result<Size> shortest_edge_size(Size from, int edge);

// The part `window` of `image`, which must lie within it.
Result<Image> crop(const Image& image, const Window& window);

// Where centre-cropping `from` to `to` begins and what it keeps: part is the kept region of `from`, and it stands at
// (left, top) of the result, the rest of which is zero.
struct CenterCrop {
  Window part;
  int left = 0;
  int top = 0;
};
CenterCrop center_crop_of(Size from, Size to);

// The middle of `image`; where `to` is larger the surroundings are black.
Result<Image> center_crop(const Image& image, Size to);

// `image` in the middle of the smallest square that holds it, the rest in `fill`: LLaVA's expand2square.
Result<Canvas> square_canvas(const Image& image, Rgb fill);
Result<Image> pad_to_square(const Image& image, Rgb fill);

// What happens to a byte on its way to the model: rescaled in double, rounded to float, then (x - mean) / std in float.
struct Normalization {
  bool rescale = true;
  double rescale_factor = 1.0 / 255.0;
  bool normalize = true;
  std::array<double, 3> mean = {0.0, 0.0, 0.0};
  std::array<double, 3> std = {1.0, 1.0, 1.0};
};

// The pixels as planes, [3, height, width].
Result<std::vector<float>> to_planes(const Image& image, const Normalization& normalization);

}  // namespace galago::media
