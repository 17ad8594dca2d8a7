// The core of attention: a few queries against one block of 64 keys, with the running (online) softmax of Milakov and
// Gimelshein 2018. Blocks lie on a fixed grid of keys and are visited in order; within one, every sum runs along a
// fixed axis in order. So a query's bits depend on its own keys alone, not on which queries run beside it.
#pragma once

#include "backends/cpu/kernels/kv_element.inl.h"
#include "backends/cpu/kernels/vector_math.inl.h"

namespace galago::cpu {

constexpr int kMaxQueries = 128;  // (row, head) pairs that pass over the keys together
constexpr float kMinusInfinity = -__builtin_inff();

// One query: its vector, where its output accumulates, the keys it sees, and the softmax so far.
struct Query {
  const float* q;
  float* y;
  std::int64_t begin, end;  // keys, counted from the start of the grid
  float max, sum;
};

template <class Element>
struct KeyBlock {
  const Element* k;        // (k_dim, kPageTokens)
  const Element* v;        // (keys, v_dim)
  std::int64_t v_stride;   // from key to key
  const float* key_bias;   // (kPageTokens): 0 or -infinity; or null
  std::int64_t first_key;  // on the grid
  std::int64_t k_dim, v_dim;
  float scale, softcap;
};

// Keys of the block that a query sees, [begin, end) within [0, 64]; empty when begin >= end.
struct KeyRange {
  std::int64_t begin, end;
};

template <class Isa>
GALAGO_INLINE KeyRange keys_in_block(const Query& query, std::int64_t first_key) {
  const std::int64_t begin = query.begin - first_key, end = query.end - first_key;
  return {begin > 0 ? begin : 0, end < kPageTokens ? end : kPageTokens};
}

// scores[r][key] = q[r] . k[key] for lanes [low, high), whole vectors.
template <class Isa, class Element, int kRows, int kVectors>
GALAGO_INLINE void score_keys(const KeyBlock<Element>& block, const Query* queries, std::int64_t lane,
                              float (*scores)[kPageTokens]) {
  using F32 = typename Isa::F32;
  F32 acc[kRows][kVectors];
  GALAGO_UNROLL
  for (int r = 0; r < kRows; ++r) {
    GALAGO_UNROLL
    for (int v = 0; v < kVectors; ++v) acc[r][v] = Isa::zero();
  }
  for (std::int64_t d = 0; d < block.k_dim; ++d) {
    F32 keys[kVectors];
    GALAGO_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      keys[v] = KvElement<Isa, Element>::load(block.k + d * kPageTokens + lane + v * Isa::kLanes);
    }
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const F32 value = Isa::set1(queries[r].q[d]);
      GALAGO_UNROLL
      for (int v = 0; v < kVectors; ++v) acc[r][v] = Isa::fma(keys[v], value, acc[r][v]);
    }
  }
  GALAGO_UNROLL
  for (int r = 0; r < kRows; ++r) {
    GALAGO_UNROLL
    for (int v = 0; v < kVectors; ++v) Isa::store(scores[r] + lane + v * Isa::kLanes, acc[r][v]);
  }
}

// Scores to weights exp(s - max) in place; what was accumulated before is scaled to the new maximum.
template <class Isa, class Element>
GALAGO_INLINE void soften(const KeyBlock<Element>& block, Query& query, KeyRange range, std::int64_t low,
                          std::int64_t high, float* scores) {
  using F32 = typename Isa::F32;
  const F32 begin = Isa::set1(static_cast<float>(range.begin) - 0.5f), end = Isa::set1(static_cast<float>(range.end));
  F32 largest = Isa::set1(kMinusInfinity);
  for (std::int64_t lane = low; lane < high; lane += Isa::kLanes) {
    F32 s = Isa::mul(Isa::load(scores + lane), Isa::set1(block.scale));
    if (block.softcap > 0.0f) {
      s = Isa::mul(Isa::set1(block.softcap), tanh<Isa>(Isa::div(s, Isa::set1(block.softcap))));
    }
    if (block.key_bias != nullptr) s = Isa::add(s, Isa::load(block.key_bias + lane));
    const F32 key = Isa::add(Isa::iota(), Isa::set1(static_cast<float>(lane)));
    s = Isa::select(Isa::both(Isa::less(begin, key), Isa::less(key, end)), s, Isa::set1(kMinusInfinity));
    largest = Isa::max(largest, s);
    Isa::store(scores + lane, s);
  }
  const float block_max = Isa::maximum(largest);
  if (block_max == kMinusInfinity) {  // nothing visible, through key_bias
    for (std::int64_t lane = low; lane < high; lane += Isa::kLanes) Isa::store(scores + lane, Isa::zero());
    return;
  }
  const float max = query.max > block_max ? query.max : block_max;
  F32 total = Isa::zero();
  for (std::int64_t lane = low; lane < high; lane += Isa::kLanes) {
    const F32 weight = exp<Isa>(Isa::sub(Isa::load(scores + lane), Isa::set1(max)));
    total = Isa::add(total, weight);
    Isa::store(scores + lane, weight);
  }
  if (query.max != max) {
    alignas(64) float factors[Isa::kLanes];
    Isa::store(factors, exp<Isa>(Isa::set1(query.max - max)));
    const F32 factor = Isa::set1(factors[0]);
    for (std::int64_t d = 0; d < block.v_dim; d += Isa::kLanes) {
      store_row<Isa>(query.y + d, Isa::mul(load_row<Isa>(query.y + d, block.v_dim - d), factor), block.v_dim - d);
    }
    query.sum *= factors[0];
    query.max = max;
  }
  query.sum += Isa::sum(total);
}

// y[r][d ...] += over keys [begin, end): weights[r][key] * v[key][d ...]
template <class Isa, class Element, int kRows, int kVectors>
GALAGO_INLINE void add_values(const KeyBlock<Element>& block, const Query* queries, KeyRange keys,
                              const float (*weights)[kPageTokens], std::int64_t d, std::int64_t left) {
  using F32 = typename Isa::F32;
  F32 acc[kRows][kVectors];
  GALAGO_UNROLL
  for (int r = 0; r < kRows; ++r) {
    GALAGO_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      acc[r][v] = load_row<Isa>(queries[r].y + d + v * Isa::kLanes, kVectors > 1 ? Isa::kLanes : left);
    }
  }
  for (std::int64_t key = keys.begin; key < keys.end; ++key) {
    const Element* row = block.v + key * block.v_stride + d;
    F32 values[kVectors];
    GALAGO_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      values[v] = kVectors > 1 ? KvElement<Isa, Element>::load(row + v * Isa::kLanes)
                               : KvElement<Isa, Element>::load(row, left);
    }
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const F32 weight = Isa::set1(weights[r][key]);
      GALAGO_UNROLL
      for (int v = 0; v < kVectors; ++v) acc[r][v] = Isa::fma(values[v], weight, acc[r][v]);
    }
  }
  GALAGO_UNROLL
  for (int r = 0; r < kRows; ++r) {
    GALAGO_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      store_row<Isa>(queries[r].y + d + v * Isa::kLanes, acc[r][v], kVectors > 1 ? Isa::kLanes : left);
    }
  }
}

template <class Isa, class Element, int kRows>
void add_all_values(const KeyBlock<Element>& block, const Query* queries, KeyRange keys,
                    const float (*weights)[kPageTokens]) {
  if (keys.begin >= keys.end) return;
  constexpr int kWide = Isa::kKeyVectors;
  std::int64_t d = 0;
  for (; d + kWide * Isa::kLanes <= block.v_dim; d += kWide * Isa::kLanes) {
    add_values<Isa, Element, kRows, kWide>(block, queries, keys, weights, d, 0);
  }
  for (; d < block.v_dim; d += Isa::kLanes) {
    add_values<Isa, Element, kRows, 1>(block, queries, keys, weights, d, block.v_dim - d);
  }
}

// kRows queries, each of which sees at least one key of the block.
template <class Isa, class Element, int kRows>
void attend_queries(const KeyBlock<Element>& block, Query* queries) {
  alignas(64) float scores[kRows][kPageTokens];
  KeyRange ranges[kRows];
  KeyRange common{0, kPageTokens}, any{kPageTokens, 0};
  for (int r = 0; r < kRows; ++r) {
    const KeyRange range = ranges[r] = keys_in_block<Isa>(queries[r], block.first_key);
    if (range.begin > common.begin) common.begin = range.begin;
    if (range.end < common.end) common.end = range.end;
    if (range.begin < any.begin) any.begin = range.begin;
    if (range.end > any.end) any.end = range.end;
  }
  constexpr std::int64_t kStep = Isa::kKeyVectors * Isa::kLanes;
  static_assert(kPageTokens % kStep == 0);
  const std::int64_t low = any.begin / kStep * kStep, high = (any.end + kStep - 1) / kStep * kStep;
  for (std::int64_t lane = low; lane < high; lane += kStep) {
    score_keys<Isa, Element, kRows, Isa::kKeyVectors>(block, queries, lane, scores);
  }
  for (int r = 0; r < kRows; ++r) soften<Isa>(block, queries[r], ranges[r], low, high, scores[r]);
  // Keys that only some of the queries see are added for those alone: 0 * v is not 0 when v is infinite. All go in
  // order.
  if (common.begin >= common.end) {
    for (int r = 0; r < kRows; ++r) add_all_values<Isa, Element, 1>(block, queries + r, ranges[r], scores + r);
    return;
  }
  for (int r = 0; r < kRows; ++r) {
    add_all_values<Isa, Element, 1>(block, queries + r, {ranges[r].begin, common.begin}, scores + r);
  }
  add_all_values<Isa, Element, kRows>(block, queries, common, scores);
  for (int r = 0; r < kRows; ++r) {
    add_all_values<Isa, Element, 1>(block, queries + r, {common.end, ranges[r].end}, scores + r);
  }
}

// All queries that see the block, four at a time.
template <class Isa, class Element>
void attend_block(const KeyBlock<Element>& block, Query* queries, int count) {
  const std::int64_t last_key = block.first_key + kPageTokens;
  for (int i = 0; i < count;) {
    int n = 0;
    while (n < 4 && i + n < count && queries[i + n].begin < last_key && queries[i + n].end > block.first_key) ++n;
    switch (n) {
      case 4: attend_queries<Isa, Element, 4>(block, queries + i); break;
      case 3: attend_queries<Isa, Element, 3>(block, queries + i); break;
      case 2: attend_queries<Isa, Element, 2>(block, queries + i); break;
      case 1: attend_queries<Isa, Element, 1>(block, queries + i); break;
      default: n = 1; break;  // sees none
    }
    i += n;
  }
}

template <class Isa>
GALAGO_INLINE void begin_query(Query& query, std::int64_t v_dim) {
  query.max = kMinusInfinity;
  query.sum = 0.0f;
  for (std::int64_t d = 0; d < v_dim; d += Isa::kLanes) store_row<Isa>(query.y + d, Isa::zero(), v_dim - d);
}

// A query that saw nothing is left at zero.
template <class Isa>
GALAGO_INLINE void end_query(const Query& query, std::int64_t v_dim) {
  const auto inverse = Isa::set1(query.sum > 0.0f ? 1.0f / query.sum : query.sum);
  for (std::int64_t d = 0; d < v_dim; d += Isa::kLanes) {
    store_row<Isa>(query.y + d, Isa::mul(load_row<Isa>(query.y + d, v_dim - d), inverse), v_dim - d);
  }
}

}  // namespace galago::cpu
