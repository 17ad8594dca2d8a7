// The keys or values of one token and head in each KvType, exactly: what backends must store, element for element.
//   q8: scale = f16(max|x| / 127), code = round(x / scale), a scale for the whole row
//   q4: unit = f16(m / -8) with m the element of largest magnitude, code = round(x / unit) + 8 of [0, 15], and then the
//       scale that fits these codes best, f16(sum(x (code - 8)) / sum((code - 8)^2)); one for each 32 elements
// The x of both are the elements rotated: a few channels of a model's keys are many times larger than the others, and a
// rotation shares their size out among all, so that one scale suits all. It is the orthonormal Walsh-Hadamard transform
// of blocks of the row, each as many elements as the largest power of two, at most 128, that is still left: 64 are one
// block, 80 are 64 + 16, 96 are 64 + 32, 192 are 128 + 64, 576 are four of 128 and 64, so that values that are the
// first 512 of keys of 576 are whole blocks. It is its own inverse and keeps dot products, so that a backend may rotate
// queries and results rather than every key and value.
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
inline constexpr int kRotationBlock = 128;  // elements, the most

// Whether elements are codes with scales, and rotated.
bool has_codes(KvType type);

std::string_view name(KvType type);  // "f32", "f16", "bf16", "q8", "q4"
std::optional<KvType> kv_type(std::string_view name);
std::span<const KvType> kv_types();

// Bytes of a row of `dim` elements; no value where they overflow.
std::optional<std::uint64_t> kv_row_bytes(KvType type, std::uint64_t dim);

// In place, the stages of neighbours first: the order of additions is part of the contract.
void rotate_kv_row(float* values, std::int64_t dim);

void encode_kv_row(KvType type, const float* values, std::byte* row, std::int64_t dim);
void decode_kv_row(KvType type, const std::byte* row, float* values, std::int64_t dim);

}  // namespace galago::ops
