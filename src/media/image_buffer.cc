#include "media/image_buffer.h"

#include <new>

#include "base/error.h"

namespace galago::media {

Result<Image> make_image(std::int64_t width, std::int64_t height, std::string_view source, std::int64_t max_pixels) {
  if (width <= 0 || height <= 0) {
    return error(ErrorCode::kInvalidArgument, "{}: a picture of {}x{} pixels has no content", source, width, height);
  }
  if (width > kMaxSide || height > kMaxSide) {
    return error(ErrorCode::kOutOfRange, "{}: {}x{} pixels; a side may have at most {}", source, width, height,
                 kMaxSide);
  }
  if (width * height > max_pixels) {
    return error(ErrorCode::kOutOfRange, "{}: {}x{} are {} pixels, over the limit of {}; scale the picture down first",
                 source, width, height, width * height, max_pixels);
  }
  Image image{static_cast<int>(width), static_cast<int>(height), {}};
  try {
    image.rgb.resize(static_cast<std::size_t>(3 * width * height));
  } catch (const std::bad_alloc&) {
    return error(ErrorCode::kOutOfMemory, "{}: no memory for {}x{} pixels ({} bytes)", source, width, height,
                 3 * width * height);
  }
  return image;
}

Status check_image(const Image& image, std::string_view source) {
  if (image.width <= 0 || image.height <= 0 || image.width > kMaxSide || image.height > kMaxSide) {
    return error(ErrorCode::kInvalidArgument, "{}: {}x{} pixels; each side must be 1 to {}", source, image.width,
                 image.height, kMaxSide);
  }
  const auto expected =
      std::uint64_t{3} * static_cast<std::uint64_t>(image.width) * static_cast<std::uint64_t>(image.height);
  if (image.rgb.size() != expected) {
    return error(ErrorCode::kInvalidArgument, "{}: {}x{} RGB pixels are {} bytes, but the image holds {}", source,
                 image.width, image.height, expected, image.rgb.size());
  }
  return {};
}

}  // namespace galago::media
