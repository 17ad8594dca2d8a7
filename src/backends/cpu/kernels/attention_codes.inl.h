// The two products of attention with keys and values of q8 and q4, in integers. A query, and the weights of a block,
// are rounded to 15 bits in two planes of bytes, x ~ scale * (128 * high + low), which leaves 1e-4 of what q8 itself
// lost; the dot products of both planes are exact, so that no order of summation shows.
#pragma once

#include "backends/cpu/kernels/attention.inl.h"
#include "backends/cpu/kernels/kv_rotate.inl.h"

namespace galago::cpu {

constexpr float kLargestCode = 127.0f * 128.0f;  // both planes stay within +-127 (see dot_signed)

// Queries whose two planes run side by side.
template <class Isa>
inline constexpr int kCodedQueries = Isa::kIntRows / 2;

struct CodeScale {
  float scale;    // of a code
  float inverse;  // of a value
};

// Below 1e-30 the inverse would leave the range of f32; such values are zero for all that follows.
template <class Isa>
GALAGO_INLINE CodeScale code_scale(float largest) {
  if (!(largest >= 1e-30f)) return {0.0f, 0.0f};
  return {largest / kLargestCode, kLargestCode / largest};
}

// Stores the planes of x * inverse and gives the codes.
template <class Isa>
GALAGO_INLINE typename Isa::I32 store_planes(typename Isa::F32 x, float inverse, std::int8_t* high, std::int8_t* low) {
  using F32 = typename Isa::F32;
  // The limits matter to NaN and infinity alone.
  F32 code = Isa::max(Isa::mul(x, Isa::set1(inverse)), Isa::set1(-kLargestCode));
  code = Isa::round(Isa::min(code, Isa::set1(kLargestCode)));
  const F32 upper = Isa::round(Isa::mul(code, Isa::set1(0x1p-7f)));
  Isa::store_i8(high, Isa::to_i32(upper));
  Isa::store_i8(low, Isa::to_i32(Isa::fma(upper, Isa::set1(-128.0f), code)));
  return Isa::to_i32(code);
}

// What the codes of the keys and values are too high by in a dot product.
template <class Isa, int kBits>
GALAGO_INLINE std::int32_t code_offset() {
  if constexpr (kBits == 4) return 8;
  return Isa::kSignedBias ? 128 : 0;
}

// The planes of query.q, rotated as the keys are, to `codes` (2, k_pad), its sums by groups of scales to `sums`.
template <class Isa, int kBits>
GALAGO_INLINE void encode_query(Query& query, std::int64_t k_dim, std::int8_t* codes, std::int32_t* sums) {
  using F32 = typename Isa::F32;
  alignas(64) float q[kMaxCodedHeadDim];
  rotate_row_to<Isa>(query.q, k_dim, q);
  const std::int64_t k_pad = padded_dim<Isa, kBits>(k_dim);
  const std::int64_t group = kBits == 8 ? k_pad : kQ4Dims;
  F32 largest = Isa::zero();
  for (std::int64_t d = 0; d < k_dim; d += Isa::kLanes) {
    largest = Isa::max(largest, Isa::abs(load_row<Isa>(q + d, k_dim - d)));
  }
  const CodeScale scale = code_scale<Isa>(Isa::maximum(largest));
  for (std::int64_t first = 0; first < k_pad; first += group) {
    auto sum = Isa::set1_i32(0);
    for (std::int64_t d = first; d < first + group; d += Isa::kLanes) {
      const F32 x = load_row<Isa>(q + d, k_dim - d);
      sum = Isa::add_i32(sum, store_planes<Isa>(x, scale.inverse, codes + d, codes + k_pad + d));
    }
    sums[first / group] = Isa::sum_i32(sum) * code_offset<Isa, kBits>();
  }
  query.codes = codes;
  query.code_sums = sums;
  query.code_scale = scale.scale;
}

// acc[2 r + plane] += n vectors of codes, `step` bytes apart, times the planes of each query.
template <class Isa, int kBits, int n, int kRows>
GALAGO_INLINE void add_dots(typename Isa::I32 (&acc)[kRows], const typename Isa::Bytes* w, const std::int8_t* x,
                            std::int64_t stride) {
  if constexpr (kBits == 4) {
    Isa::template dot<4, n>(acc, w, x, stride);
  } else {
    Isa::template dot_signed<n>(acc, w, x, stride);
  }
}

// 4 n dims of a key's codes from dim d on, as n vectors.
template <class Isa, int kBits, int n>
GALAGO_INLINE void load_key_codes(const std::uint8_t* codes, std::int64_t d, std::int64_t lane,
                                  typename Isa::Bytes* w) {
  if constexpr (kBits == 8) {
    GALAGO_UNROLL
    for (int j = 0; j < n; ++j) {
      w[j] = Isa::prepare_signed(Isa::load_bytes(codes + key_word<Isa>(d / 4 + j, lane)));
    }
  } else {
    GALAGO_UNROLL
    for (int j = 0; j < n; j += 2) {
      const auto pair = Isa::load_bytes(codes + key_word<Isa>(d / 8 + j / 2, lane));
      w[j] = Isa::and_bytes(pair, Isa::set1_bytes(0x0f));
      w[j + 1] = Isa::and_bytes(Isa::template shift_right<4>(pair), Isa::set1_bytes(0x0f));
    }
  }
}

template <class Isa>
GALAGO_INLINE typename Isa::F32 joined_planes(typename Isa::I32 high, typename Isa::I32 low) {
  return Isa::to_f32(Isa::add_i32(Isa::template shift_left_i32<7>(high), low));
}

// scores[r][key] = q[r] . k[key]
template <class Isa, int kBits>
struct ScoreCodes {
  CodedHead keys;
  std::int64_t k_dim;
  const Query* queries;
  BlockScores* scores;

  template <int kQueries>
  GALAGO_INLINE void run() const {
    for (std::int64_t lane = 0; lane < kPageTokens; lane += Isa::kLanes) lanes<kQueries>(lane);
  }

 private:
  template <int kQueries>
  GALAGO_INLINE void lanes(std::int64_t lane) const {
    const std::int64_t k_pad = padded_dim<Isa, kBits>(k_dim), group = kBits == 8 ? k_pad : kQ4Dims;
    typename Isa::F32 sums[kQueries];
    GALAGO_UNROLL
    for (int r = 0; r < kQueries; ++r) sums[r] = Isa::zero();
    for (std::int64_t first = 0; first < k_pad; first += group) {
      typename Isa::I32 acc[2 * kQueries];
      GALAGO_UNROLL
      for (int r = 0; r < kQueries; ++r) {
        acc[2 * r] = Isa::set1_i32(0);
        acc[2 * r + 1] = Isa::set1_i32(-queries[r].code_sums[first / group]);
      }
      std::int64_t d = first;
      for (; d + 32 <= first + group; d += 32) dots<8>(acc, d, lane, k_pad);
      if (kBits == 8 && d < k_pad) dots<4>(acc, d, lane, k_pad);
      const auto scale = Isa::load_f16(keys.scales + first / group * kPageTokens + lane);
      GALAGO_UNROLL
      for (int r = 0; r < kQueries; ++r) {
        sums[r] = Isa::add(sums[r], Isa::mul(joined_planes<Isa>(acc[2 * r], acc[2 * r + 1]), scale));
      }
    }
    GALAGO_UNROLL
    for (int r = 0; r < kQueries; ++r) {
      Isa::store(scores[r] + lane, Isa::mul(sums[r], Isa::set1(queries[r].code_scale)));
    }
  }

  template <int n, int kRows>
  GALAGO_INLINE void dots(typename Isa::I32 (&acc)[kRows], std::int64_t d, std::int64_t lane,
                          std::int64_t k_pad) const {
    typename Isa::Bytes w[n];
    load_key_codes<Isa, kBits, n>(keys.codes, d, lane, w);
    add_dots<Isa, kBits, n>(acc, w, queries[0].codes + d, k_pad);  // planes and queries lie k_pad apart
  }
};

// y[r] += weights[r] . v
template <class Isa, int kBits>
struct AddCodes {
  CodedHead values;
  std::int64_t v_dim;
  const Query* queries;
  const BlockScores* weights;

  template <int kQueries>
  GALAGO_INLINE void run() const {
    const std::int64_t v_pad = padded_dim<Isa, kBits>(v_dim), group = kBits == 8 ? v_pad : kQ4Dims;
    alignas(64) std::int8_t codes[2 * kQueries][kPageTokens];
    float scales[kQueries];
    std::int32_t sums[kQueries];
    for (std::int64_t first = 0; first < v_pad; first += group) {
      GALAGO_UNROLL
      for (int r = 0; r < kQueries; ++r) {
        scales[r] = encode_weights(weights[r], values.scales + first / group * kPageTokens, codes + 2 * r, &sums[r]);
      }
      for (std::int64_t d = first; d < first + group && d < v_dim; d += Isa::kLanes) {
        add<kQueries>(codes, scales, sums, d, v_pad);
      }
    }
  }

 private:
  // The planes of weight * scale of the key; the scales of keys that have no weight may be anything.
  static GALAGO_INLINE float encode_weights(const float* weights, const std::uint16_t* scales,
                                            std::int8_t (*codes)[kPageTokens], std::int32_t* sum) {
    using F32 = typename Isa::F32;
    alignas(64) float scaled[kPageTokens];
    F32 largest = Isa::zero();
    GALAGO_UNROLL
    for (int key = 0; key < kPageTokens; key += Isa::kLanes) {
      const F32 weight = Isa::load(weights + key);
      const F32 x =
          Isa::select(Isa::less(Isa::zero(), weight), Isa::mul(weight, Isa::load_f16(scales + key)), Isa::zero());
      largest = Isa::max(largest, Isa::abs(x));
      Isa::store(scaled + key, x);
    }
    const CodeScale scale = code_scale<Isa>(Isa::maximum(largest));
    auto total = Isa::set1_i32(0);
    GALAGO_UNROLL
    for (int key = 0; key < kPageTokens; key += Isa::kLanes) {
      const auto code = store_planes<Isa>(Isa::load(scaled + key), scale.inverse, codes[0] + key, codes[1] + key);
      total = Isa::add_i32(total, code);
    }
    *sum = -Isa::sum_i32(total) * code_offset<Isa, kBits>();
    return scale.scale;
  }

  // The next lanes of dims.
  template <int kQueries>
  GALAGO_INLINE void add(const std::int8_t (*codes)[kPageTokens], const float* scales, const std::int32_t* sums,
                         std::int64_t d, std::int64_t v_pad) const {
    typename Isa::I32 acc[2 * kQueries];
    GALAGO_UNROLL
    for (int r = 0; r < kQueries; ++r) {
      acc[2 * r] = Isa::set1_i32(0);
      acc[2 * r + 1] = Isa::set1_i32(sums[r]);
    }
    GALAGO_UNROLL
    for (std::int64_t key = 0; key < kPageTokens; key += 32) {
      typename Isa::Bytes w[8];
      load_value_codes(key, d, v_pad, w);
      add_dots<Isa, kBits, 8>(acc, w, codes[0] + key, kPageTokens);
    }
    GALAGO_UNROLL
    for (int r = 0; r < kQueries; ++r) {
      float* y = queries[r].y + d;
      const auto sum = joined_planes<Isa>(acc[2 * r], acc[2 * r + 1]);
      store_row<Isa>(y, Isa::fma(sum, Isa::set1(scales[r]), load_row<Isa>(y, v_dim - d)), v_dim - d);
    }
  }

  // 32 keys from `key` on of the next lanes of dims, as 8 vectors of 4 keys.
  GALAGO_INLINE void load_value_codes(std::int64_t key, std::int64_t d, std::int64_t v_pad,
                                      typename Isa::Bytes* w) const {
    const std::int64_t row = v_pad * kBits / 8;
    const std::int64_t byte = kBits == 8 ? d : d / 32 * 16 + d % 16;
    GALAGO_UNROLL
    for (int j = 0; j < 8; ++j) {
      w[j] = Isa::load_bytes(values.codes + value_byte<Isa>(row, byte, key + 4 * j));
      if constexpr (kBits == 8) {
        w[j] = Isa::prepare_signed(w[j]);
      } else {
        if (d % 32 >= 16) w[j] = Isa::template shift_right<4>(w[j]);
        w[j] = Isa::and_bytes(w[j], Isa::set1_bytes(0x0f));
      }
    }
  }
};

// Both products and the softmax of the queries that see the block.
template <class Isa, int kBits>
GALAGO_INLINE void attend_codes(const CodedHead& keys, std::int64_t k_dim, const CodedHead& values, std::int64_t v_dim,
                                const ScoreRule& rule, const QueryBlock& block, std::int64_t first_key) {
  constexpr int kMost = kCodedQueries<Isa>;
  for_queries<Isa, kMost>(block.queries, block.count, first_key, [&](int i, int n) GALAGO_LAMBDA {
    for_count<Isa, kMost>(n, ScoreCodes<Isa, kBits>{keys, k_dim, block.queries + i, block.scores});
    soften_queries<Isa>(rule, block.queries + i, n, first_key, v_dim, block.scores);
    for_count<Isa, kMost>(n, AddCodes<Isa, kBits>{values, v_dim, block.queries + i, block.scores});
  });
}

}  // namespace galago::cpu
