// Resizing that gives Pillow's bytes: what vision models were trained on.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "galago/image.h"
#include "galago/result.h"

namespace galago::media {

// Numbered as Pillow and the "resample" key of preprocessor_config.json number them.
enum class Filter : std::uint8_t { kNearest = 0, kLanczos = 1, kBilinear = 2, kBicubic = 3, kBox = 4, kHamming = 5 };

// Pillow's lower-case names: "nearest", "lanczos", ...
std::optional<Filter> filter_from_name(std::string_view name);

using Rgb = std::array<std::uint8_t, 3>;

// A picture lying on a plain background, (left, top) from its corner and wholly inside: padding that costs no memory.
struct Canvas {
  const Image* picture = nullptr;
  int width = 0;
  int height = 0;
  int left = 0;
  int top = 0;
  Rgb background = {};
};

// The canvas that is just `picture`.
Canvas canvas_of(const Image& picture);

struct Window {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
};

// `image` scaled to width x height, not keeping its proportions. When shrinking, the filter widens with the reduction
// (antialiasing); the directions follow each other, each rounded to 8 bits, in the order of Pillow 13 (see rows_first
// in resize.cc); a direction whose size stays is not filtered.
Result<Image> resize(const Image& image, int width, int height, Filter filter);

// The part `window` of `canvas` scaled to width x height, computed alone: the same pixels as scaling all and cropping.
// The window must lie within the scaled canvas.
Result<Image> resize_window(const Canvas& canvas, int width, int height, Filter filter, const Window& window);

}  // namespace galago::media
