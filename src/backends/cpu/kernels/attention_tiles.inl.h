// The two products of attention in tiles of 16-bit numbers with f32 results: of bf16 in matrix units, of integers with
// a scale for each row and column by vpdpwssd. Queries and keys, weights and values are rounded as they come; the
// softmax stays f32. A query's row of a product is the same whatever its neighbours: an unseen key has weight 0, and
// values that are not finite stay out of the tiles.
#pragma once

#include "backends/cpu/kernels/attention_dense.inl.h"
#include "backends/cpu/kernels/attention_paged.inl.h"
#include "backends/cpu/kernels/pair_panel.inl.h"

namespace galago::cpu {

constexpr std::int64_t kKeyPanel = 128;         // dims of 32 keys that are expanded together: 8 KiB
constexpr std::int64_t kQueryHalves = 1 << 15;  // of queries as 16-bit numbers: 64 KiB
static_assert(kQueryHalves / kMaxTileKeyDim >= kPairStep && kResultFloats / kMaxTileValueDim >= kPairStep);

// The largest integers. A sum over a panel's dims, and one over a page's keys, stays within 32 bits.
constexpr float kLargestWord = 4095.0f, kLargestWeight = 8191.0f;
static_assert(kLargestWord * kLargestWord * kKeyPanel < 0x1p31 && kLargestWeight * kLargestWord * kPageTokens < 0x1p31);

// dim, or a number of queries, in whole steps.
GALAGO_INLINE std::int64_t whole_steps(std::int64_t n) { return (n + kPairStep - 1) / kPairStep * kPairStep; }

// kScaled: of integers.
template <class Isa, class Tiles, bool kScaled>
struct TileProducts {
  using F32 = typename Isa::F32;
  static_assert(Isa::kLanes == kTileRows);
  alignas(64) std::uint16_t q[kQueryHalves];
  alignas(64) std::uint16_t weights[kMaxQueries * kPageTokens];
  alignas(64) std::uint16_t panel[kKeyPanel * kPairStep];
  alignas(64) float column_scales[kPairStep];
  float q_scales[kMaxQueries], weight_scales[kMaxQueries];
  alignas(64) float value_scales[kPageTokens];
  float value_factors[kPageTokens];  // their inverse
  std::int64_t k_pad, result_pad;

  static GALAGO_INLINE int most_queries(std::int64_t k_dim, std::int64_t v_dim) {
    const std::int64_t taken = kQueryHalves / whole_steps(k_dim), results = kResultFloats / whole_steps(v_dim);
    const std::int64_t n = (taken < results ? taken : results) / kPairStep * kPairStep;
    return static_cast<int>(n < kMaxQueries ? n : kMaxQueries);
  }
  static GALAGO_INLINE std::int64_t result_stride(std::int64_t v_dim) { return whole_steps(v_dim); }

  GALAGO_INLINE void take(const QueryBlock& block, std::int64_t k_dim, std::int64_t v_dim) {
    k_pad = whole_steps(k_dim);
    result_pad = whole_steps(v_dim);
    for (std::int64_t i = 0; i < whole_steps(block.count); ++i) {
      const auto row = [&](std::int64_t d) GALAGO_LAMBDA {
        return i < block.count ? load_row<Isa>(block.queries[i].q + d, k_dim - d) : Isa::zero();
      };
      q_scales[i] = narrow_row(k_pad, kLargestWord, q + i * k_pad, row);
      if constexpr (kScaled) {  // what is not finite is no integer: it makes the scale NaN
        F32 ruined = Isa::zero();
        for (std::int64_t d = 0; d < k_pad; d += Isa::kLanes) ruined = Isa::fma(row(d), Isa::zero(), ruined);
        q_scales[i] += Isa::sum(ruined);
      }
    }
  }

  template <class Element>
  GALAGO_INLINE void score(const Element* k, std::int64_t k_dim, const QueryBlock& block, std::int64_t first_key,
                           KeyRange range) {
    for (float* at = block.scores[0]; at < block.scores[whole_steps(block.count)]; at += Isa::kLanes) {
      Isa::store(at, Isa::zero());
    }
    for (std::int64_t d = 0; d < k_dim; d += kKeyPanel) {
      const std::int64_t n = k_dim - d < kKeyPanel ? k_dim - d : kKeyPanel;
      for (std::int64_t key = 0; key < range.end; key += kPairStep) {
        for (std::int64_t tile = 0; tile < 2; ++tile) pair_keys(k + d * kPageTokens + key, n, tile);
        for (int i = 0; i < block.count; i += kPairStep) {
          if (!some_see(block, i, first_key + key, kPairStep)) continue;
          multiply(q + i * k_pad + d, k_pad, whole_steps(n), block.scores[i] + key, kPageTokens, q_scales + i,
                   column_scales, block.count - i);
        }
      }
    }
  }

  template <class Element>
  GALAGO_INLINE void add(const Element* v, std::int64_t stride, std::int64_t d, std::int64_t n, const QueryBlock& block,
                         std::int64_t first_key, KeyRange range) {
    const bool finite = scale_values<Element, false>(v, stride, n, range.end);
    if (!finite) scale_values<Element, true>(v, stride, n, range.end);
    weigh(block, first_key);
    for (std::int64_t at = 0; at < n; at += kPairStep) {
      const std::int64_t dims = n - at < kPairStep ? n - at : kPairStep;
      if (finite) {
        pair_values<Element, false>(v + at, stride, dims, range.end);
      } else {
        pair_values<Element, true>(v + at, stride, dims, range.end);
      }
      for (int i = 0; i < block.count; i += kPairStep) {
        if (!some_see(block, i, first_key, kPageTokens)) continue;
        multiply(weights + i * kPageTokens, kPageTokens, whole_steps(range.end), block.queries[i].y + d + at,
                 result_pad, weight_scales + i, nullptr, block.count - i);
      }
      if (!finite) add_left_out(v + at, stride, d + at, dims, block, first_key, range.end);
    }
  }

 private:
  static GALAGO_INLINE bool sees_keys(const Query& query, std::int64_t key, std::int64_t count) {
    return query.begin < key + count && query.end > key;
  }
  // Whether one of queries i ... i + 32 sees one of the keys.
  static GALAGO_INLINE bool some_see(const QueryBlock& block, int i, std::int64_t key, std::int64_t count) {
    for (const int end = block.count < i + kPairStep ? block.count : i + kPairStep; i < end; ++i) {
      if (sees_keys(block.queries[i], key, count)) return true;
    }
    return false;
  }

  GALAGO_INLINE void multiply(const std::uint16_t* x, std::int64_t stride, std::int64_t k, float* sums,
                              std::int64_t sums_stride, const float* rows, const float* columns,
                              std::int64_t n_rows) const {
    if constexpr (kScaled) {
      Tiles::multiply(x, 2 * stride, panel, k / kPairStep, sums, sums_stride, rows, columns, n_rows);
    } else {
      Tiles::multiply(x, 2 * stride, panel, k / kPairStep, sums, sums_stride);
    }
  }

  // values(d) for n of d to `to`; gives the scale, 0 below 1e-30, where its inverse would leave the range of f32.
  template <class F>
  static GALAGO_INLINE float narrow_row(std::int64_t n, float most, std::uint16_t* to, const F& values) {
    float scale = 1.0f;
    F32 factor = Isa::set1(1.0f);
    if constexpr (kScaled) {
      F32 largest = Isa::zero();
      for (std::int64_t d = 0; d < n; d += Isa::kLanes) largest = Isa::max(largest, Isa::abs(values(d)));
      const float top = Isa::maximum(largest);
      scale = top * (1.0f / most);
      factor = Isa::set1(top > 1e-30f ? most / top : 0.0f);
    }
    for (std::int64_t d = 0; d < n; d += Isa::kLanes) {
      Tiles::store_narrow(to + d, kScaled ? Isa::mul(values(d), factor) : values(d));
    }
    return scale;
  }

  static GALAGO_INLINE F32 inverse(F32 largest, float most) {
    return Isa::select(Isa::less(Isa::set1(1e-30f), largest), Isa::div(Isa::set1(most), largest), Isa::zero());
  }

  // n dims of 16 keys. What is not finite makes a key's scale NaN, and so its scores.
  template <class Element>
  GALAGO_INLINE void pair_keys(const Element* k, std::int64_t n, std::int64_t tile) {
    const auto row = [&](std::int64_t d) GALAGO_LAMBDA {
      return d < n ? KvElement<Isa, Element>::load(k + d * kPageTokens + tile * kTileRows) : Isa::zero();
    };
    F32 factor = Isa::set1(1.0f);
    if constexpr (kScaled) {
      F32 largest = Isa::zero(), ruined = Isa::zero();
      for (std::int64_t d = 0; d < n; ++d) {
        largest = Isa::max(largest, Isa::abs(row(d)));
        ruined = Isa::fma(row(d), Isa::zero(), ruined);
      }
      factor = inverse(largest, kLargestWord);
      const F32 scale = Isa::fma(largest, Isa::set1(1.0f / kLargestWord), ruined);
      Isa::store(column_scales + tile * kTileRows, scale);
    }
    for (std::int64_t d = 0; d < whole_steps(n); d += 2) {
      const F32 even = kScaled ? Isa::mul(row(d), factor) : row(d);
      const F32 odd = kScaled ? Isa::mul(row(d + 1), factor) : row(d + 1);
      Tiles::store_pairs(panel_pairs(panel, d, tile), even, odd);
    }
  }

  // Dims d ... d + 16 of a key's values, those that are not finite as zeros where kFilters.
  template <class Element, bool kFilters>
  static GALAGO_INLINE F32 values_of(const Element* row, std::int64_t d, std::int64_t dims) {
    const F32 x = KvElement<Isa, Element>::load(row + d, dims - d);
    if constexpr (!kFilters) return x;
    return Isa::select(Isa::less(Isa::abs(x), Isa::set1(-kMinusInfinity)), x, Isa::zero());
  }

  // The scales of `count` keys' values, by which their weights are multiplied. Gives whether all are finite.
  template <class Element, bool kFilters>
  GALAGO_INLINE bool scale_values(const Element* v, std::int64_t stride, std::int64_t dims, std::int64_t count) {
    F32 ruined = Isa::zero();
    for (std::int64_t key = 0; key < kPageTokens; ++key) {
      F32 largest = Isa::zero();
      for (std::int64_t d = 0; key < count && d < dims; d += Isa::kLanes) {
        const F32 x = values_of<Element, kFilters>(v + key * stride, d, dims);
        largest = Isa::max(largest, Isa::abs(x));
        ruined = Isa::fma(x, Isa::zero(), ruined);
      }
      if constexpr (kScaled) value_scales[key] = Isa::maximum(largest) * (1.0f / kLargestWord);
    }
    for (std::int64_t key = 0; kScaled && key < kPageTokens; key += Isa::kLanes) {
      Isa::store(value_factors + key, inverse(Isa::load(value_scales + key), 1.0f));
    }
    return Isa::sum(ruined) == 0.0f;
  }

  GALAGO_INLINE void weigh(const QueryBlock& block, std::int64_t first_key) {
    for (std::int64_t i = 0; i < whole_steps(block.count); ++i) {
      // A weight that is NaN makes the sum of the softmax so, whatever becomes of it here.
      const bool sees = i < block.count && sees_keys(block.queries[i], first_key, kPageTokens);
      const auto row = [&](std::int64_t key) GALAGO_LAMBDA {
        if (!sees) return Isa::zero();
        const F32 weight = Isa::load(block.scores[i] + key);
        return kScaled ? Isa::mul(weight, Isa::load(value_scales + key)) : weight;
      };
      weight_scales[i] = narrow_row(kPageTokens, kLargestWeight, weights + i * kPageTokens, row);
    }
  }

  // At most 32 dims of `count` keys, with zeros for those that do not exist.
  template <class Element, bool kFilters>
  GALAGO_INLINE void pair_values(const Element* v, std::int64_t stride, std::int64_t dims, std::int64_t count) {
    const auto row = [&](std::int64_t key, std::int64_t d) GALAGO_LAMBDA {
      if (key >= count || d >= dims) return Isa::zero();
      const F32 x = values_of<Element, kFilters>(v + key * stride, d, dims);
      return kScaled ? Isa::mul(x, Isa::set1(value_factors[key])) : x;
    };
    for (std::int64_t key = 0; key < whole_steps(count); key += 2) {
      for (std::int64_t tile = 0; tile < 2; ++tile) {
        const std::int64_t d = tile * kTileRows;
        Tiles::store_pairs(panel_pairs(panel, key, tile), row(key, d), row(key + 1, d));
      }
    }
  }

  // Values that are not finite, for the queries that see them.
  template <class Element>
  void add_left_out(const Element* v, std::int64_t stride, std::int64_t d, std::int64_t dims, const QueryBlock& block,
                    std::int64_t first_key, std::int64_t count) const {
    alignas(64) float values[kPairStep];
    for (std::int64_t key = 0; key < count; ++key) {
      for (std::int64_t at = 0; at < dims; at += Isa::kLanes) {
        Isa::store(values + at, KvElement<Isa, Element>::load(v + key * stride + at, dims - at));
      }
      for (int i = 0; i < block.count; ++i) {
        if (!sees_keys(block.queries[i], first_key + key, 1)) continue;
        for (std::int64_t at = 0; at < dims; ++at) {
          if (values[at] - values[at] != 0.0f) block.queries[i].y[d + at] += block.scores[i][key] * values[at];
        }
      }
    }
  }
};

template <class Isa, class Tiles, bool kScaled>
struct AttentionInTiles {
  using Products = TileProducts<Isa, Tiles, kScaled>;

  static void paged(const AttentionPagedArgs& a) {
    Tiles::configure();
    plain_sequences<Isa, false, Products>(a);
    Tiles::release();
  }
  static void split(const AttentionPagedArgs& a) {
    Tiles::configure();
    plain_sequences<Isa, true, Products>(a);
    Tiles::release();
  }
  static void dense(const AttentionDenseArgs& a) {
    Tiles::configure();
    dense_segments<Isa, Products>(a);
    Tiles::release();
  }
};

}  // namespace galago::cpu
