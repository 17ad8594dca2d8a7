// Any bytes as a picture file: decoded or refused with one line that names it, within a small pixel budget.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "media/image_decode.h"
#include "media/image_processor.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace galago;
  const media::DecodeOptions options{.max_pixels = 1 << 16};
  const auto image = media::decode_image(std::as_bytes(std::span(data, size)), "fuzz", options);
  if (!image.ok()) {
    const std::string& message = image.error().message;
    if (!message.starts_with("fuzz: ") || message.find('\n') != std::string::npos) std::abort();
    return 0;
  }
  const auto pixels =
      std::uint64_t{3} * static_cast<std::uint64_t>(image->width) * static_cast<std::uint64_t>(image->height);
  if (image->rgb.size() != pixels) std::abort();
  media::ImageProcessorConfig config;
  config.size = {.shortest_edge = 17};
  config.crop_size = {17, 17};
  if (const auto values = media::process(*image, config, size % 2 == 0); values.ok()) {
    if (values->values.size() != 3u * 17 * 17) std::abort();
  }
  return 0;
}
