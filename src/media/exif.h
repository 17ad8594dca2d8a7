// Which way up a picture is, from its EXIF block or XMP text.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/file.h"
#include "galago/image.h"
#include "galago/result.h"

namespace galago::media {

// EXIF 2.3, tag 0x0112: where the stored first row and first column belong in the upright picture.
enum class Orientation : std::uint8_t {
  kUpright = 1,
  kMirrored = 2,
  kUpsideDown = 3,
  kFlipped = 4,
  kTransposed = 5,
  kTurnRight = 6,  // stored a quarter turn to the left of upright: phones held upright
  kTransversed = 7,
  kTurnLeft = 8,
};

// The orientation tag of a TIFF block (an EXIF segment after its "Exif\0\0", or a PNG eXIf chunk), or nothing when the
// block is damaged or has none. A number outside 1..8 counts as upright.
std::optional<Orientation> exif_orientation(Bytes tiff);

// The first tiff:Orientation of an XMP packet.
std::optional<Orientation> xmp_orientation(std::string_view xmp);

// `stored` turned upright.
Result<Image> turn_upright(Image stored, Orientation orientation, std::string_view source);

}  // namespace galago::media
