// Pictures to PNG: what a user sees of boxes, crops and preprocessed input.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "galago/image.h"
#include "galago/result.h"

namespace galago::media {

// 8-bit RGB, not interlaced. `source` names the picture in errors.
Result<std::vector<std::byte>> encode_png(const Image& image, std::string_view source = "image");

// encode_png() to a file that appears complete or not at all.
Status save_png(const std::filesystem::path& path, const Image& image);

}  // namespace galago::media
