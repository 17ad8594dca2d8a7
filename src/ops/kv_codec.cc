#include "ops/kv_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/checked.h"
#include "quant/codec.h"
#include "quant/half.h"

namespace galago::ops {
namespace {

constexpr float kLargestScale = 65504.0f;  // of f16
constexpr int kQ8Padding = 16;

constexpr std::array kTypes = {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kQ8, KvType::kQ4};
constexpr std::array<std::string_view, 5> kNames = {"f32", "f16", "bf16", "q8", "q4"};

DType plain_type(KvType type) {
  if (type == KvType::kF32) return DType::kF32;
  return type == KvType::kF16 ? DType::kF16 : DType::kBF16;
}

// Gives the scale as it is stored.
float store_scale(float scale, std::byte* at) {
  const std::uint16_t half = quant::f32_to_f16(std::clamp(scale, -kLargestScale, kLargestScale));
  std::memcpy(at, &half, sizeof half);
  return quant::f16_to_f32(half);
}

// What values are multiplied by to become codes.
float inverse_scale(float scale) { return scale != 0.0f ? 1.0f / scale : 0.0f; }

float load_scale(const std::byte* at) {
  std::uint16_t half = 0;
  std::memcpy(&half, at, sizeof half);
  return quant::f16_to_f32(half);
}

void encode_q8(const float* values, std::byte* row, std::int64_t dim) {
  float largest = 0.0f;
  for (std::int64_t i = 0; i < dim; ++i) largest = std::max(largest, std::fabs(values[i]));
  const float inverse = inverse_scale(store_scale(largest / 127.0f, row));
  for (std::int64_t i = 0; i < dim; ++i) {
    const float code = std::max(-127.0f, std::min(127.0f, std::nearbyint(values[i] * inverse)));  // NaN: 127
    row[2 + i] = static_cast<std::byte>(static_cast<std::int8_t>(code));
  }
}

void decode_q8(const std::byte* row, float* values, std::int64_t dim) {
  const float scale = load_scale(row);
  for (std::int64_t i = 0; i < dim; ++i) values[i] = scale * static_cast<float>(static_cast<std::int8_t>(row[2 + i]));
}

void encode_q4_group(const float* values, std::int64_t n, std::byte* scale, std::byte* nibbles) {
  float most = 0.0f, least = 0.0f;
  for (std::int64_t i = 0; i < n; ++i) {
    most = std::max(most, values[i]);
    least = std::min(least, values[i]);
  }
  const float unit = store_scale((most >= -least ? most : least) / -8.0f, scale), inverse = inverse_scale(unit);
  std::fill_n(nibbles, kQ4Group / 2, std::byte{0});
  // The sums of the fit are of whole numbers, in units of 2^-12, so that backends may add in any order. NaN is 7.
  std::int64_t products = 0, squares = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const float steps = std::max(-8.5f, std::min(8.5f, values[i] * inverse));
    const float code = std::max(-8.0f, std::min(7.0f, std::nearbyint(steps)));
    products += static_cast<std::int64_t>(std::nearbyint(steps * 4096.0f)) * static_cast<std::int64_t>(code);
    squares += static_cast<std::int64_t>(code * code);
    const auto bits = static_cast<unsigned>(code + 8.0f) << (i < kQ4Group / 2 ? 0 : 4);
    nibbles[i % (kQ4Group / 2)] |= static_cast<std::byte>(bits);
  }
  if (squares > 0) store_scale(unit * (static_cast<float>(products) / static_cast<float>(4096 * squares)), scale);
}

void decode_q4_group(const std::byte* scale, const std::byte* nibbles, float* values, std::int64_t n) {
  const float unit = load_scale(scale);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto bits = static_cast<unsigned>(nibbles[i % (kQ4Group / 2)]) >> (i < kQ4Group / 2 ? 0 : 4);
    values[i] = unit * static_cast<float>(static_cast<int>(bits & 15) - 8);
  }
}

void hadamard(float* values, std::int64_t n) {
  for (std::int64_t h = 1; h < n; h *= 2) {
    for (std::int64_t i = 0; i < n; i += 2 * h) {
      for (std::int64_t j = i; j < i + h; ++j) {
        const float a = values[j], b = values[j + h];
        values[j] = a + b;
        values[j + h] = a - b;
      }
    }
  }
  const float factor = std::sqrt(1.0f / static_cast<float>(n));
  for (std::int64_t i = 0; i < n; ++i) values[i] *= factor;
}

std::int64_t q4_groups(std::int64_t dim) { return (dim + kQ4Group - 1) / kQ4Group; }

}  // namespace

bool has_codes(KvType type) { return type == KvType::kQ8 || type == KvType::kQ4; }

std::string_view name(KvType type) { return kNames[static_cast<std::size_t>(type)]; }

std::optional<KvType> kv_type(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return kTypes[static_cast<std::size_t>(found - kNames.begin())];
}

std::span<const KvType> kv_types() { return kTypes; }

std::optional<std::uint64_t> kv_row_bytes(KvType type, std::uint64_t dim) {
  if (!has_codes(type)) return row_bytes(plain_type(type), dim);
  if (dim == 0) return 0;
  const auto padded = checked_align(dim, type == KvType::kQ8 ? kQ8Padding : kQ4Group);
  if (!padded) return std::nullopt;
  if (type == KvType::kQ8) return checked_add<std::uint64_t>(*padded, 2);
  return checked_mul<std::uint64_t>(*padded / kQ4Group, kQ4Group / 2 + 2);
}

void rotate_kv_row(float* values, std::int64_t dim) {
  for (std::int64_t at = 0; at < dim;) {
    const auto left = static_cast<std::uint64_t>(std::min<std::int64_t>(dim - at, kRotationBlock));
    const auto n = static_cast<std::int64_t>(std::bit_floor(left));
    hadamard(values + at, n);
    at += n;
  }
}

void encode_kv_row(KvType type, const float* values, std::byte* row, std::int64_t dim) {
  if (dim == 0) return;  // of values that are a view of the keys, nothing is stored, not even a scale
  if (!has_codes(type)) return quant::codec(plain_type(type)).encode_row(values, row, dim);
  std::vector<float> rotated(values, values + dim);
  rotate_kv_row(rotated.data(), dim);
  if (type == KvType::kQ8) return encode_q8(rotated.data(), row, dim);
  std::byte* nibbles = row + 2 * q4_groups(dim);
  for (std::int64_t i = 0; i < dim; i += kQ4Group, row += 2, nibbles += kQ4Group / 2) {
    encode_q4_group(rotated.data() + i, std::min<std::int64_t>(kQ4Group, dim - i), row, nibbles);
  }
}

void decode_kv_row(KvType type, const std::byte* row, float* values, std::int64_t dim) {
  if (dim == 0) return;
  if (!has_codes(type)) return quant::codec(plain_type(type)).decode_row(row, values, dim);
  if (type == KvType::kQ8) {
    decode_q8(row, values, dim);
  } else {
    const std::byte* nibbles = row + 2 * q4_groups(dim);
    for (std::int64_t i = 0; i < dim; i += kQ4Group, row += 2, nibbles += kQ4Group / 2) {
      decode_q4_group(row, nibbles, values + i, std::min<std::int64_t>(kQ4Group, dim - i));
    }
  }
  rotate_kv_row(values, dim);
}

}  // namespace galago::ops
