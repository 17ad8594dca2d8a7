// The two products of attention with keys and values that are plain numbers, in f32. attention_tiles.inl.h has them
// in 16 bits.
#pragma once

#include "backends/cpu/kernels/kv_load.inl.h"

namespace galago::cpu {

// Floats of results that a call keeps on its stack.
constexpr int kResultFloats = 16384;

template <class Isa>
struct FloatProducts {
  alignas(64) float keys[kLoadDims * kPageTokens];
  alignas(64) float values[kLoadDims * kPageTokens];

  // Queries that may pass over the keys together, and from one's result to the next's.
  static GALAGO_INLINE int most_queries(std::int64_t /*k_dim*/, std::int64_t v_dim) {
    const std::int64_t n = kResultFloats / v_dim;
    return static_cast<int>(n < kMaxQueries ? n : kMaxQueries);
  }
  static GALAGO_INLINE std::int64_t result_stride(std::int64_t v_dim) { return v_dim; }

  // Before a block of queries meets its first keys.
  GALAGO_INLINE void take(const QueryBlock&, std::int64_t /*k_dim*/, std::int64_t /*v_dim*/) {}

  // scores = q . k, keys (k_dim, kPageTokens) of which `range` exists.
  template <class Element>
  GALAGO_INLINE void score(const Element* k, std::int64_t k_dim, const QueryBlock& block, std::int64_t first_key,
                           KeyRange /*range*/) {
    for (std::int64_t d = 0; d < k_dim; d += kLoadDims) {
      const std::int64_t n = k_dim - d < kLoadDims ? k_dim - d : kLoadDims;
      const float* rows = load_keys<Isa>(k, d, n, keys);
      score_block<Isa>(rows, d, n, block.queries, block.count, first_key, block.scores);
    }
  }

  // y[d ...] += weights . v, values (kPageTokens, stride) of which `range` exists and n dims are meant.
  template <class Element>
  GALAGO_INLINE void add(const Element* v, std::int64_t stride, std::int64_t d, std::int64_t n, const QueryBlock& block,
                         std::int64_t first_key, KeyRange range) {
    for (std::int64_t at = 0; at < n; at += kLoadDims) {
      const std::int64_t part = n - at < kLoadDims ? n - at : kLoadDims;
      const ValueRows rows = load_values<Isa>(v, stride, at, part, range, values);
      add_value_block<Isa>(rows, d + at, part, block.queries, block.count, first_key, block.scores);
    }
  }
};

}  // namespace galago::cpu
