#include "media/transform.h"

#include <algorithm>
#include <new>

#include "base/error.h"
#include "base/try.h"
#include "media/image_buffer.h"

namespace galago::media {
namespace {

// Python's a // 2, which rounds down.
int floor_half(int a) { return a >= 0 ? a / 2 : -((1 - a) / 2); }

// The kept span of one axis and where it stands in the result.
struct Span {
  int from;
  int count;
  int to;
};

Span center_span(int from, int to) {
  if (from >= to) return {floor_half(from - to), to, 0};
  return {0, from, -floor_half(from - to)};
}

void paste(const Image& image, const Window& part, int left, int top, Image& target) {
  for (int y = 0; y < part.height; ++y) {
    const auto from = static_cast<std::size_t>(part.y + y) * static_cast<std::size_t>(image.width);
    const auto to = static_cast<std::size_t>(top + y) * static_cast<std::size_t>(target.width);
    std::copy_n(image.rgb.data() + 3 * (from + static_cast<std::size_t>(part.x)),
                3 * static_cast<std::size_t>(part.width),
                target.rgb.data() + 3 * (to + static_cast<std::size_t>(left)));
  }
}

}  // namespace

Result<Size> shortest_edge_size(Size from, int edge) {
  const std::int64_t shorter = std::min(from.width, from.height);
  const std::int64_t longer = std::max(from.width, from.height);
  if (shorter <= 0 || edge <= 0) {
    return error(ErrorCode::kInvalidArgument, "resize: {}x{} pixels to a shortest edge of {}; all must be positive",
                 from.width, from.height, edge);
  }
  const std::int64_t scaled = edge * longer / shorter;
  if (scaled > kMaxSide) {
    return error(
        ErrorCode::kOutOfRange,
        "resize: {}x{} pixels with a shortest edge of {} would be {} long, over the limit of {}; crop the picture",
        from.width, from.height, edge, scaled, kMaxSide);
  }
  const int long_side = static_cast<int>(scaled);
  return from.width <= from.height ? Size{edge, long_side} : Size{long_side, edge};
}

Result<Image> crop(const Image& image, const Window& window) {
  GALAGO_CHECK(check_image(image, "crop"));
  const auto fits = [](int offset, int part, int whole) { return offset >= 0 && part > 0 && part <= whole - offset; };
  if (!fits(window.x, window.width, image.width) || !fits(window.y, window.height, image.height)) {
    return error(ErrorCode::kInvalidArgument, "crop: {}x{} at ({}, {}) is not within {}x{} pixels", window.width,
                 window.height, window.x, window.y, image.width, image.height);
  }
  GALAGO_TRY(Image part, make_image(window.width, window.height, "crop"));
  paste(image, window, 0, 0, part);
  return part;
}

CenterCrop center_crop_of(Size from, Size to) {
  const Span x = center_span(from.width, to.width);
  const Span y = center_span(from.height, to.height);
  return {{x.from, y.from, x.count, y.count}, x.to, y.to};
}

Result<Image> center_crop(const Image& image, Size to) {
  GALAGO_CHECK(check_image(image, "centre crop"));
  GALAGO_TRY(Image result, make_image(to.width, to.height, "centre crop"));
  const CenterCrop kept = center_crop_of({image.width, image.height}, to);
  paste(image, kept.part, kept.left, kept.top, result);
  return result;
}

Result<Canvas> square_canvas(const Image& image, Rgb fill) {
  GALAGO_CHECK(check_image(image, "pad to square"));
  const int side = std::max(image.width, image.height);
  return Canvas{&image, side, side, (side - image.width) / 2, (side - image.height) / 2, fill};
}

Result<Image> pad_to_square(const Image& image, Rgb fill) {
  GALAGO_TRY(const Canvas canvas, square_canvas(image, fill));
  return resize_window(canvas, canvas.width, canvas.height, Filter::kNearest, {0, 0, canvas.width, canvas.height});
}

Result<std::vector<float>> to_planes(const Image& image, const Normalization& normalization) {
  GALAGO_CHECK(check_image(image, "normalize"));
  // A channel has 256 values: each is computed once.
  std::array<std::array<float, 256>, 3> table;
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const auto mean = static_cast<float>(normalization.mean[channel]);
    const auto std = static_cast<float>(normalization.std[channel]);
    for (std::size_t byte = 0; byte < 256; ++byte) {
      auto value = static_cast<float>(byte);
      if (normalization.rescale) value = static_cast<float>(static_cast<double>(byte) * normalization.rescale_factor);
      if (normalization.normalize) value = (value - mean) / std;
      table[channel][byte] = value;
    }
  }
  const std::size_t pixels = image.rgb.size() / 3;
  std::vector<float> planes;
  try {
    planes.resize(3 * pixels);
  } catch (const std::bad_alloc&) {
    return error(ErrorCode::kOutOfMemory, "normalize: no memory for {}x{} pixels as floats", image.width, image.height);
  }
  for (std::size_t channel = 0; channel < 3; ++channel) {
    float* plane = planes.data() + channel * pixels;
    for (std::size_t i = 0; i < pixels; ++i) plane[i] = table[channel][image.rgb[3 * i + channel]];
  }
  return planes;
}

}  // namespace galago::media
