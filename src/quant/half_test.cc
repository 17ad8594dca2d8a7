#include "quant/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

#include "base/file.h"

namespace galago::quant {
namespace {

std::uint32_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }

// A format's values by its definition, in double; NaN and infinity by the caller.
double value_of(int code, int mantissa_bits, int bias) {
  const int mantissa = code & ((1 << mantissa_bits) - 1), exponent = code >> mantissa_bits;
  if (exponent == 0) return std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
}

// 64-bit FNV-1a over 32-bit words, as tests/goldens/generate_quant.py computes it.
struct Fnv1a {
  std::uint64_t state = 0xcbf29ce484222325u;
  void add(float value) {
    if (!std::isnan(value)) state = (state ^ bits(value)) * 0x100000001b3u;
  }
};

std::string expected_hash(const char* type) {
  const auto text = read_text(GALAGO_SOURCE_DIR "/tests/data/quant/summary.json");
  if (!text.ok()) return text.error().message;
  const std::string key = '"' + std::string(type) + "\": \"";
  const std::size_t at = text->find(key);
  return at == std::string::npos ? "no " + key : text->substr(at + key.size(), 16);
}

std::string hex(std::uint64_t state) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(state));
  return text;
}

TEST(HalfTest, EveryF16Pattern) {
  Fnv1a hash;
  for (int code = 0; code < 65536; ++code) {
    const auto half = static_cast<std::uint16_t>(code);
    const float value = f16_to_f32(half);
    hash.add(value);
    ASSERT_EQ(std::signbit(value), code >= 0x8000) << code;
    const int magnitude = code & 0x7fff;
    if (magnitude > 0x7c00) {
      ASSERT_TRUE(std::isnan(value)) << code;
      ASSERT_EQ(f32_to_f16(value), half | 0x200) << code;  // the same payload, quiet
      continue;
    }
    ASSERT_EQ(f32_to_f16(value), half);
    if (magnitude == 0x7c00) {
      ASSERT_TRUE(std::isinf(value));
    } else {
      ASSERT_EQ(std::fabs(value), value_of(magnitude, 10, 15)) << code;
    }
  }
  EXPECT_EQ(hex(hash.state), expected_hash("f16"));
}

TEST(HalfTest, EveryBf16Pattern) {
  Fnv1a hash;
  for (int code = 0; code < 65536; ++code) {
    const auto half = static_cast<std::uint16_t>(code);
    const float value = bf16_to_f32(half);
    hash.add(value);
    ASSERT_EQ(bits(value), static_cast<std::uint32_t>(code) << 16);
    ASSERT_EQ(f32_to_bf16(value), std::isnan(value) ? half | 0x40 : half) << code;
  }
  EXPECT_EQ(hex(hash.state), expected_hash("bf16"));
}

TEST(HalfTest, EveryE4m3Pattern) {
  Fnv1a hash;
  for (int code = 0; code < 256; ++code) {
    const auto byte = static_cast<std::uint8_t>(code);
    const float value = e4m3_to_f32(byte);
    hash.add(value);
    ASSERT_EQ(f32_to_e4m3(value), byte);
    if ((code & 0x7f) == 0x7f) {
      ASSERT_TRUE(std::isnan(value));
    } else {
      ASSERT_EQ(value, value_of(code & 0x7f, 3, 7) * (code < 128 ? 1 : -1));
      ASSERT_EQ(ue4m3_to_f32(byte), std::fabs(value));
    }
  }
  EXPECT_EQ(ue4m3_to_f32(0x7f), 0.0f);
  EXPECT_EQ(ue4m3_to_f32(0xff), 480.0f);
  EXPECT_EQ(hex(hash.state), expected_hash("e4m3"));
}

TEST(HalfTest, EveryE8m0Pattern) {
  for (int code = 0; code < 255; ++code) {
    ASSERT_EQ(e8m0_to_f32(static_cast<std::uint8_t>(code)), std::ldexp(1.0, code - 127));
  }
  EXPECT_TRUE(std::isnan(e8m0_to_f32(255)));
}

// Between each pair of neighbours: the middle goes to the even code, what is beside it to the nearer one.
template <class Encode>
void expect_nearest(int largest_code, int mantissa_bits, int bias, Encode encode) {
  for (int code = 0; code < largest_code; ++code) {
    const double low = value_of(code, mantissa_bits, bias), high = value_of(code + 1, mantissa_bits, bias);
    const auto middle = static_cast<float>((low + high) / 2);
    const float infinity = std::numeric_limits<float>::infinity();
    ASSERT_EQ(encode(middle), code + (code & 1)) << middle;
    ASSERT_EQ(encode(std::nextafter(middle, 0.0f)), code) << middle;
    ASSERT_EQ(encode(std::nextafter(middle, infinity)), code + 1) << middle;
  }
}

TEST(HalfTest, RoundsToNearestTiesToEven) {
  expect_nearest(0x7bff, 10, 15, f32_to_f16);
  expect_nearest(0x7e, 3, 7, f32_to_e4m3);
  expect_nearest(0x7f7f, 7, 127, f32_to_bf16);
}

TEST(HalfTest, BeyondTheLargest) {
  EXPECT_EQ(f32_to_f16(65519.996f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7c00);
  EXPECT_EQ(f32_to_f16(-3e38f), 0xfc00);
  EXPECT_EQ(f32_to_f16(1e-45f), 0);
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(f32_to_e4m3(1e6f), 0x7e);
  EXPECT_EQ(f32_to_e4m3(-std::numeric_limits<float>::infinity()), 0xfe);
}

}  // namespace
}  // namespace galago::quant
