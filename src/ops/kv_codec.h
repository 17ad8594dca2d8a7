// The keys or values of one token and head in each KvType, exactly: what backends must store, element for element.
//   q8: scale = f16(max|x| / 127), code = round(x / scale), a scale for the whole row
//   q4: scale = f16(m / -8) with m the element of largest magnitude, code = round(x / scale) + 8 of [0, 15], a scale
//   for
//       each 32 elements
// A row here is its scales as f16, then its codes (q4: low nibbles the first 16 of 32, high nibbles the others), padded
// to whole groups of 16 (q8) or 32 (q4) elements. Other layouts of the same codes take the same room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "galago/kv_type.h"

namespace galago::ops {

inline constexpr int kQ4Group = 32;

std::string_view name(KvType type);  // "f32", "f16", "bf16", "q8", "q4"
std::optional<KvType> kv_type(std::string_view name);
std::span<const KvType> kv_types();

// Bytes of a row of `dim` elements; no value where they overflow.
std::optional<std::uint64_t> kv_row_bytes(KvType type, std::uint64_t dim);

void encode_kv_row(KvType type, const float* values, std::byte* row, std::int64_t dim);
void decode_kv_row(KvType type, const std::byte* row, float* values, std::int64_t dim);

}  // namespace galago::ops
