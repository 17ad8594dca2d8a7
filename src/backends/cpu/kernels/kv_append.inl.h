// Keys and values of new tokens into their pages: keys transposed (a token is a column), values as rows; those of q8
// and q4 rotated.
#pragma once

#include "backends/cpu/kernels/kv_element.inl.h"
#include "backends/cpu/kernels/kv_rotate.inl.h"

namespace galago::cpu {

constexpr std::int64_t kAppendTokens = 32;  // of f16 they fill a cache line of each dim's keys

// Rows from `row` on, at most kAppendTokens, whose tokens lie one after the other in a page.
template <class Isa>
GALAGO_INLINE std::int64_t rows_of_page(const KvAppendArgs& a, std::int64_t row) {
  const std::int64_t left = kPageTokens - a.position[row] % kPageTokens;
  const std::int64_t most = left < kAppendTokens ? left : kAppendTokens;
  std::int64_t n = 1;
  while (n < most && row + n < a.last_row && a.sequence[row + n] == a.sequence[row] &&
         a.position[row + n] == a.position[row] + n) {
    ++n;
  }
  return n;
}

// `count` tokens at once: a dim's keys of a page are neighbours, those of a token are not. Nobody has touched the lines
// of a head since the step before, and no hardware foresees them.
template <class Isa, class Element>
GALAGO_INLINE void append_keys(const KvAppendArgs& a, std::int64_t row, std::int64_t count, std::int64_t head,
                               Element* keys) {
  const std::int64_t dim = a.kv.k_dim;
  keys += head * dim * kPageTokens;
  for (std::int64_t i = 0; i < dim; ++i) __builtin_prefetch(keys + i * kPageTokens, 1);
  Element block[kAppendTokens][Isa::kLanes];
  for (std::int64_t i = 0; i < dim; i += Isa::kLanes) {
    const std::int64_t left = dim - i, n = left < Isa::kLanes ? left : Isa::kLanes;
    for (std::int64_t token = 0; token < count; ++token) {
      const float* k = a.k + (row + token) * a.k_stride + head * dim;
      KvElement<Isa, Element>::store(block[token], load_row<Isa>(k + i, left), Isa::kLanes);
    }
    for (std::int64_t j = 0; j < n; ++j) {
      Element* to = keys + (i + j) * kPageTokens;
      for (std::int64_t token = 0; token < count; ++token) to[token] = block[token][j];
    }
  }
}

template <class Isa, class Element>
GALAGO_INLINE void append_values(const KvAppendArgs& a, std::int64_t row, std::int64_t slot, std::int64_t head,
                                 Element* values) {
  const std::int64_t dim = a.kv.v_dim;
  const float* v = a.v + row * a.v_stride + head * dim;
  Element* to = values + (head * kPageTokens + slot) * dim;
  for (std::int64_t i = 0; i < dim; i += Isa::kLanes) {
    KvElement<Isa, Element>::store(to + i, load_row<Isa>(v + i, dim - i), dim - i);
  }
}

template <class Isa, class Element>
void kv_append_rows(const KvAppendArgs& a) {
  const PagedKv& kv = a.kv;
  for (std::int64_t row = a.first_row, count = 0; row < a.last_row; row += count) {
    count = rows_of_page<Isa>(a, row);
    const std::int64_t position = a.position[row], slot = position % kPageTokens;
    std::byte* base = page_of<Isa>(kv, a.sequence[row], position / kPageTokens);
    auto* keys = reinterpret_cast<Element*>(base + kv.k_offset) + slot;
    auto* values = reinterpret_cast<Element*>(base + kv.v_offset);
    for (std::int64_t head = a.first_kv_head; head < a.last_kv_head; ++head) {
      append_keys<Isa>(a, row, count, head, keys);
      for (std::int64_t i = 0; i < count; ++i) append_values<Isa>(a, row + i, slot + i, head, values);
    }
  }
}

// Rounds a scale to f16, stores it, and gives what it became.
template <class Isa>
GALAGO_INLINE float store_scale(float scale, std::uint16_t* at) {
  constexpr float kLargest = 65504.0f;
  const float limited = scale < -kLargest ? -kLargest : scale > kLargest ? kLargest : scale;
  std::uint16_t halves[Isa::kLanes];
  float stored[Isa::kLanes];
  Isa::store_f16(halves, Isa::set1(limited));
  Isa::store(stored, Isa::load_f16(halves));
  *at = halves[0];
  return stored[0];
}

// What values are multiplied by to become codes.
template <class Isa>
GALAGO_INLINE typename Isa::F32 inverse_scale(float scale) {
  return Isa::set1(scale != 0.0f ? 1.0f / scale : 0.0f);
}

// `n` values to codes of as many bytes, in whole vectors. NaN becomes a code like any other.
template <class Isa>
GALAGO_INLINE void quantize_q8(const float* x, std::int64_t n, std::int8_t* codes, std::uint16_t* scale) {
  using F32 = typename Isa::F32;
  F32 largest = Isa::zero();
  for (std::int64_t i = 0; i < n; i += Isa::kLanes) largest = Isa::max(Isa::abs(load_row<Isa>(x + i, n - i)), largest);
  const F32 inverse = inverse_scale<Isa>(store_scale<Isa>(Isa::maximum(largest) / 127.0f, scale));
  for (std::int64_t i = 0; i < n; i += Isa::kLanes) {
    const F32 code = Isa::min(Isa::round(Isa::mul(load_row<Isa>(x + i, n - i), inverse)), Isa::set1(127.0f));
    Isa::store_i8(codes + i, Isa::to_i32(Isa::max(code, Isa::set1(-127.0f))));
  }
}

// Of up to kQ4Dims values. All numbers of the fit are whole and below 2^24, so that no order of summation shows.
template <class Isa>
GALAGO_INLINE void quantize_q4(const float* x, std::int64_t n, std::int8_t* codes, std::uint16_t* scale) {
  using F32 = typename Isa::F32;
  F32 most = Isa::zero(), least = Isa::zero();
  for (std::int64_t i = 0; i < n; i += Isa::kLanes) {
    const F32 values = load_row<Isa>(x + i, n - i);
    most = Isa::max(values, most);
    least = Isa::max(Isa::sub(Isa::zero(), values), least);
  }
  const float high = Isa::maximum(most), low = Isa::maximum(least);
  const float unit = store_scale<Isa>((high >= low ? high : -low) / -8.0f, scale);
  const F32 inverse = inverse_scale<Isa>(unit);
  F32 products = Isa::zero(), squares = Isa::zero();
  for (std::int64_t i = 0; i < kQ4Dims; i += Isa::kLanes) {
    const F32 steps =
        Isa::max(Isa::min(Isa::mul(load_row<Isa>(x + i, n - i), inverse), Isa::set1(8.5f)), Isa::set1(-8.5f));
    const F32 code = Isa::max(Isa::min(Isa::round(steps), Isa::set1(7.0f)), Isa::set1(-8.0f));
    Isa::store_i8(codes + i, Isa::to_i32(Isa::add(code, Isa::set1(8.0f))));
    products = Isa::fma(Isa::round(Isa::mul(steps, Isa::set1(4096.0f))), code, products);
    squares = Isa::fma(code, code, squares);
  }
  const float fitting = Isa::sum(squares) * 4096.0f;
  if (fitting > 0.0f) store_scale<Isa>(unit * (Isa::sum(products) / fitting), scale);
}

// A head's row of `dim` values, rotated, to padded codes, a byte each; its scales stand kPageTokens apart.
template <class Isa, int kBits>
GALAGO_INLINE void quantize_head(const float* row, std::int64_t dim, std::int8_t* codes, std::uint16_t* scales) {
  alignas(64) float x[kMaxCodedHeadDim];
  rotate_row_to<Isa>(row, dim, x);
  if constexpr (kBits == 8) {
    quantize_q8<Isa>(x, dim, codes, scales);
    for (std::int64_t i = dim; i < padded_dim<Isa, 8>(dim); ++i) codes[i] = 0;
  } else {
    for (std::int64_t i = 0; i < dim; i += kQ4Dims, scales += kPageTokens) {
      quantize_q4<Isa>(x + i, dim - i < kQ4Dims ? dim - i : kQ4Dims, codes + i, scales);
    }
  }
}

template <class Isa>
GALAGO_INLINE std::uint8_t nibbles(const std::int8_t* low, const std::int8_t* high) {
  return static_cast<std::uint8_t>(*low | *high << 4);
}

template <class Isa, int kBits>
void kv_append_codes(const KvAppendArgs& a) {
  const PagedKv& kv = a.kv;
  const std::int64_t k_pad = padded_dim<Isa, kBits>(kv.k_dim), v_pad = padded_dim<Isa, kBits>(kv.v_dim);
  alignas(64) std::int8_t codes[kMaxCodedHeadDim + Isa::kLanes];
  for (std::int64_t row = a.first_row; row < a.last_row; ++row) {
    const std::int64_t position = a.position[row], slot = position % kPageTokens;
    std::byte* base = page_of<Isa>(kv, a.sequence[row], position / kPageTokens);
    for (std::int64_t head = a.first_kv_head; head < a.last_kv_head; ++head) {
      const CodedHead k = coded_head<Isa, kBits>(base + kv.k_offset, kv.n_kv_heads, head, kv.k_dim);
      quantize_head<Isa, kBits>(a.k + row * a.k_stride + head * kv.k_dim, kv.k_dim, codes, k.scales + slot);
      for (std::int64_t word = 0; word < k_pad * kBits / 32; ++word) {
        std::uint8_t* to = k.codes + key_word<Isa>(word, slot);
        if constexpr (kBits == 8) {
          __builtin_memcpy(to, codes + 4 * word, 4);
        } else {
          for (std::int64_t i = 0; i < 4; ++i) to[i] = nibbles<Isa>(codes + 8 * word + i, codes + 8 * word + 4 + i);
        }
      }
      if (kv.v_dim == 0) continue;
      const CodedHead v = coded_head<Isa, kBits>(base + kv.v_offset, kv.n_kv_heads, head, kv.v_dim);
      quantize_head<Isa, kBits>(a.v + row * a.v_stride + head * kv.v_dim, kv.v_dim, codes, v.scales + slot);
      const std::int64_t bytes = v_pad * kBits / 8;
      for (std::int64_t byte = 0; byte < bytes; ++byte) {
        const std::int8_t* low = codes + (kBits == 8 ? byte : byte / 16 * 32 + byte % 16);
        v.codes[value_byte<Isa>(bytes, byte, slot)] =
            kBits == 8 ? static_cast<std::uint8_t>(*low) : nibbles<Isa>(low, low + 16);
      }
    }
  }
}

template <class Isa>
void kv_append(const KvAppendArgs& a) {
  switch (a.kv.type) {
    case KvType::kF32: return kv_append_rows<Isa, float>(a);
    case KvType::kF16: return kv_append_rows<Isa, HalfElement>(a);
    case KvType::kBF16: return kv_append_rows<Isa, BFloatElement>(a);
    case KvType::kQ8: return kv_append_codes<Isa, 8>(a);
    case KvType::kQ4: return kv_append_codes<Isa, 4>(a);
  }
}

}  // namespace galago::cpu
