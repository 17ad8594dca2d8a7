// What tests/goldens/generate_media.py wrote, and the noise it made its pictures of.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "galago/image.h"

namespace galago::media {

inline std::string media_data(const std::string& name) { return GALAGO_SOURCE_DIR "/tests/data/media/" + name; }

// Generated test data is known to be well formed, so nlohmann's unchecked reading will do.
inline const Json& expected_media() {
  static const Json expected = parse_json(read_text(media_data("expected.json")).value(), "expected.json").value();
  return expected;
}

inline std::string fnv1a(std::span<const std::byte> bytes) {
  std::uint64_t sum = 0xCBF29CE484222325u;
  for (const std::byte byte : bytes) sum = (sum ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001B3u;
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(sum));
  return text;
}

template <class T>
std::string fnv1a_of(const std::vector<T>& values) {
  return fnv1a(std::as_bytes(std::span(values)));
}

// generate_media.py's noise(): blocks of 4x4 random colours plus fine noise.
inline Image noise(int width, int height, std::uint32_t seed) {
  const auto mix = [seed](std::uint32_t a, std::uint32_t b, std::uint32_t salt) {
    std::uint32_t value = a * 0x9E3779B1u + b * 0x85EBCA77u + salt * 0xC2B2AE3Du + seed;
    value ^= value >> 15;
    value *= 0x2C1B3C6Du;
    value ^= value >> 12;
    return value >> 8;
  };
  Image image{width, height, {}};
  image.rgb.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  for (std::uint32_t y = 0; y < static_cast<std::uint32_t>(height); ++y) {
    for (std::uint32_t x = 0; x < static_cast<std::uint32_t>(width); ++x) {
      for (std::uint32_t channel = 0; channel < 3; ++channel) {
        const std::uint32_t value = (mix(x / 4, y / 4, channel) & 0xFF) + (mix(x, y, channel + 3) & 0x1F);
        image.rgb.push_back(static_cast<std::uint8_t>(std::min(value, 255u)));
      }
    }
  }
  return image;
}

}  // namespace galago::media
