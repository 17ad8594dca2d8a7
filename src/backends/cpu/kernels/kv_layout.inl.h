// Where a head's keys and values lie in a page (kernel_args.h, PagedKv). Templates over the Isa, as everything here, so
// that no function is shared with units of other flags.
#pragma once

#include "backends/cpu/kernels/quantize.inl.h"

namespace galago::cpu {

constexpr int kQ4Dims = 32;  // elements of q4 that share a scale
constexpr int kQ8Dims = 16;  // rows of q8 are padded to as many

// Elements of a row of codes with their padding; the scales it has.
template <class Isa, int kBits>
GALAGO_INLINE std::int64_t padded_dim(std::int64_t dim) {
  constexpr std::int64_t kUnit = kBits == 8 ? kQ8Dims : kQ4Dims;
  return (dim + kUnit - 1) / kUnit * kUnit;
}
template <class Isa, int kBits>
GALAGO_INLINE std::int64_t scale_groups(std::int64_t dim) {
  return kBits == 8 ? 1 : (dim + kQ4Dims - 1) / kQ4Dims;
}

// One head's codes and scales in a page.
struct CodedHead {
  std::uint8_t* codes;
  std::uint16_t* scales;  // (groups, kPageTokens)
};

// `part`: the keys or values of the page, `dim` elements a head.
template <class Isa, int kBits>
GALAGO_INLINE CodedHead coded_head(std::byte* part, std::int64_t n_kv_heads, std::int64_t head, std::int64_t dim) {
  const std::int64_t bytes = kPageTokens * padded_dim<Isa, kBits>(dim) * kBits / 8;
  auto* codes = reinterpret_cast<std::uint8_t*>(part);
  auto* scales = reinterpret_cast<std::uint16_t*>(part + n_kv_heads * bytes);
  return {codes + head * bytes, scales + head * scale_groups<Isa, kBits>(dim) * kPageTokens};
}

// Byte offsets of the codes of one token. Of K, words of 4 bytes: 4 dims of q8, 8 of q4.
template <class Isa>
GALAGO_INLINE std::int64_t key_word(std::int64_t word, std::int64_t token) {
  return (word * kPageTokens + token) * 4;
}
// Of V, the byte of one dim of q8, of two of q4 (`row`: bytes of a token).
template <class Isa>
GALAGO_INLINE std::int64_t value_byte(std::int64_t row, std::int64_t byte, std::int64_t token) {
  return (token / 4 * row + byte) * 4 + token % 4;
}

template <class Isa>
GALAGO_INLINE std::byte* page_of(const PagedKv& kv, std::int64_t sequence, std::int64_t page) {
  return kv.base + kv.page_table[sequence * kv.page_table_stride + page] * kv.page_bytes;
}

}  // namespace galago::cpu
