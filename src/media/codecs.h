// The codecs behind decode_image: each takes a whole file of its format.
#pragma once

#include <string_view>

#include "base/file.h"
#include "galago/image.h"
#include "galago/result.h"
#include "media/exif.h"
#include "media/image_decode.h"

namespace galago::media {

struct DecodedImage {
  Image image;  // as stored: not turned yet
  Orientation orientation = Orientation::kUpright;
};

Result<DecodedImage> read_png(Bytes file, std::string_view source, const DecodeOptions& options);
Result<DecodedImage> read_jpeg(Bytes file, std::string_view source, const DecodeOptions& options);

}  // namespace galago::media
