// A picture in memory: what decoders give, what resizing and the image processors take.
#pragma once

#include <cstdint>
#include <vector>

namespace galago {

// 8-bit RGB, rows from the top, no gaps: the pixel (x, y) is rgb[3 * (y * width + x)] and the two bytes after it.
// Fill one by hand to show a model pixels that are in no file; rgb.size() must be 3 * width * height.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;
};

}  // namespace galago
