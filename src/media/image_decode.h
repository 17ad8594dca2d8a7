// Picture files to RGB, pixel for pixel as Pillow's Image.open(file).convert("RGB") gives them: alpha and transparency
// are dropped (not composited), colour profiles and gamma ignored, CMYK taken as inverted, JPEG decoded with the exact
// integer DCT and smooth chroma. Where the libjpeg versions differ, a pixel may be off by one grey level.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/file.h"
#include "galago/image.h"
#include "galago/result.h"
#include "media/image_buffer.h"

namespace galago::media {

struct DecodeOptions {
  // Turn the picture upright by its EXIF (or XMP) orientation, as transformers' load_image does and Image.open alone
  // does not.
  bool apply_orientation = true;
  // Refused before any pixel is decoded: a file of a few kilobytes can declare gigabytes.
  std::int64_t max_pixels = kMaxPixels;
};

// Decodes PNG (every colour type, depth and interlacing) and JPEG (baseline, progressive; gray, colour, CMYK, YCCK).
// `source` names the picture in errors. A file that ends before its last pixel is an error; what follows the pixels
// is not needed.
Result<Image> decode_image(Bytes file, std::string_view source, const DecodeOptions& options = {});

Result<Image> load_image(const std::filesystem::path& path, const DecodeOptions& options = {});

}  // namespace galago::media
