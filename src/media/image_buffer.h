// Making and checking Images: sizes proven before memory is taken, and no exception when there is none.
#pragma once

#include <cstdint>
#include <string_view>

#include "galago/image.h"
#include "galago/result.h"

namespace galago::media {

// Longest side of anything here, canvases and scaled sizes included: coordinates stay exact in float, as in Pillow.
inline constexpr int kMaxSide = 1 << 24;

// Quarter of a GiB of RGB: where Pillow starts to warn of a decompression bomb.
inline constexpr std::int64_t kMaxPixels = 89'478'485;

// A black image. `source` names what it is for in errors (kOutOfRange, kOutOfMemory).
Result<Image> make_image(std::int64_t width, std::int64_t height, std::string_view source,
                         std::int64_t max_pixels = kMaxPixels);

// Fails unless the sides are positive and within kMaxSide and rgb holds exactly the pixels they promise.
Status check_image(const Image& image, std::string_view source);

}  // namespace galago::media
