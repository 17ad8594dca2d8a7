// The core of attention: queries against one block of 64 keys, with the running (online) softmax of Milakov and
// Gimelshein 2018. Blocks lie on a fixed grid of keys and are visited in order; within one, every sum runs along a
// fixed axis in order. So a query's bits depend on its own keys alone, not on which queries run beside it.
#pragma once

#include "backends/cpu/kernels/for_count.inl.h"
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
  std::int64_t position;    // its own
  float slope;              // of ALiBi; 0: none
  float max, sum;
  // Of products with codes: q in two planes (attention_codes.inl.h), its scale, and the sums of its codes.
  const std::int8_t* codes;
  const std::int32_t* code_sums;
  float code_scale;
};

// How scores become weights.
struct ScoreRule {
  float scale, softcap;
  const float* key_bias;  // (kPageTokens): 0 or -infinity; or null
};

// Scores, then weights, of each query for the keys of a block.
using BlockScores = float[kPageTokens];

// Queries that pass over a block of keys together.
struct QueryBlock {
  Query* queries;
  int count;
  BlockScores* scores;
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

// Calls f(i, n) for runs of queries [i, i + n) that see the block, at most kMost at once.
template <class Isa, int kMost, class F>
GALAGO_INLINE void for_queries(const Query* queries, int count, std::int64_t first_key, const F& f) {
  for (int i = 0; i < count;) {
    int n = 0;
    while (n < kMost && i + n < count && queries[i + n].begin < first_key + kPageTokens &&
           queries[i + n].end > first_key) {
      ++n;
    }
    if (n > 0) f(i, n);
    i += n > 0 ? n : 1;
  }
}

// Queries whose products with f32 keys or values run side by side, as many as registers hold.
template <class Isa>
inline constexpr int kFloatQueries = Isa::kFloatRows * Isa::kFloatVectors / Isa::kKeyVectors;

// scores[r][key] (+)= q[r][d ...] . k[d ...][key] over `n` dims. keys: (n, kPageTokens)
template <class Isa, int kRows, bool kAdds>
void score_keys(const float* keys, std::int64_t n, const Query* queries, std::int64_t d, BlockScores* scores) {
  using F32 = typename Isa::F32;
  constexpr int kVectors = Isa::kKeyVectors;
  static_assert(kPageTokens % (kVectors * Isa::kLanes) == 0);
  for (std::int64_t lane = 0; lane < kPageTokens; lane += kVectors * Isa::kLanes) {
    F32 acc[kRows][kVectors];
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) {
      GALAGO_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        acc[r][v] = kAdds ? Isa::load(scores[r] + lane + v * Isa::kLanes) : Isa::zero();
      }
    }
    for (std::int64_t i = 0; i < n; ++i) {
      F32 k[kVectors];
      GALAGO_UNROLL
      for (int v = 0; v < kVectors; ++v) k[v] = Isa::load(keys + i * kPageTokens + lane + v * Isa::kLanes);
      GALAGO_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const F32 value = Isa::set1(queries[r].q[d + i]);
        GALAGO_UNROLL
        for (int v = 0; v < kVectors; ++v) acc[r][v] = Isa::fma(k[v], value, acc[r][v]);
      }
    }
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) {
      GALAGO_UNROLL
      for (int v = 0; v < kVectors; ++v) Isa::store(scores[r] + lane + v * Isa::kLanes, acc[r][v]);
    }
  }
}

template <class Isa>
struct ScoreKeys {
  const float* keys;
  std::int64_t n;
  const Query* queries;
  std::int64_t d;
  BlockScores* scores;

  template <int kRows>
  GALAGO_INLINE void run() const {
    if (d == 0) return score_keys<Isa, kRows, false>(keys, n, queries, d, scores);
    score_keys<Isa, kRows, true>(keys, n, queries, d, scores);
  }
};

// Dims [d, d + n) of the scores of all queries that see the block.
template <class Isa>
GALAGO_INLINE void score_block(const float* keys, std::int64_t d, std::int64_t n, const Query* queries, int count,
                               std::int64_t first_key, BlockScores* scores) {
  for_queries<Isa, kFloatQueries<Isa>>(queries, count, first_key, [&](int i, int rows) GALAGO_LAMBDA {
    for_count<Isa, kFloatQueries<Isa>>(rows, ScoreKeys<Isa>{keys, n, queries + i, d, scores + i});
  });
}

template <class Isa>
GALAGO_INLINE void scale_row(float* y, float factor, std::int64_t n) {
  for (std::int64_t d = 0; d < n; d += Isa::kLanes) {
    store_row<Isa>(y + d, Isa::mul(load_row<Isa>(y + d, n - d), Isa::set1(factor)), n - d);
  }
}

template <class Isa>
GALAGO_INLINE void copy_row(const float* x, float* y, std::int64_t n) {
  for (std::int64_t d = 0; d < n; d += Isa::kLanes) store_row<Isa>(y + d, load_row<Isa>(x + d, n - d), n - d);
}

template <class Isa>
GALAGO_INLINE float exp_of(float x) {
  alignas(64) float lanes[Isa::kLanes];
  Isa::store(lanes, exp<Isa>(Isa::set1(x)));
  return lanes[0];
}

// The scores of lane ... as the rule says, -infinity where the query does not see the key.
template <class Isa>
GALAGO_INLINE typename Isa::F32 ruled_score(const ScoreRule& rule, const Query& query, KeyRange range,
                                            std::int64_t first_key, std::int64_t lane, const float* scores) {
  using F32 = typename Isa::F32;
  F32 s = Isa::mul(Isa::load(scores + lane), Isa::set1(rule.scale));
  if (rule.softcap > 0.0f) {
    s = Isa::mul(Isa::set1(rule.softcap), tanh<Isa>(Isa::div(s, Isa::set1(rule.softcap))));
  }
  const F32 key = Isa::add(Isa::iota(), Isa::set1(static_cast<float>(lane)));
  if (query.slope != 0.0f) {
    const F32 age = Isa::add(key, Isa::set1(static_cast<float>(first_key - query.position)));
    s = Isa::fma(age, Isa::set1(query.slope), s);
  }
  if (rule.key_bias != nullptr) s = Isa::add(s, Isa::load(rule.key_bias + lane));
  if (range.end - range.begin == kPageTokens) return s;
  const F32 begin = Isa::set1(static_cast<float>(range.begin) - 0.5f), end = Isa::set1(static_cast<float>(range.end));
  return Isa::select(Isa::both(Isa::less(begin, key), Isa::less(key, end)), s, Isa::set1(kMinusInfinity));
}

// Queries whose softmax is interleaved: each is a chain of instructions that wait for each other.
template <class Isa>
inline constexpr int kSoftQueries = Isa::kLanes >= 4 ? 4 : 1;

// Scores to weights exp(s - max) in place, 0 for what a query does not see; what was accumulated before is scaled to
// the new maximum.
template <class Isa, int kRows>
GALAGO_INLINE void soften(const ScoreRule& rule, Query* queries, std::int64_t first_key, std::int64_t v_dim,
                          BlockScores* scores) {
  using F32 = typename Isa::F32;
  F32 largest[kRows], total[kRows];
  GALAGO_UNROLL
  for (int r = 0; r < kRows; ++r) {
    const KeyRange range = keys_in_block<Isa>(queries[r], first_key);
    largest[r] = Isa::set1(kMinusInfinity);
    for (std::int64_t lane = 0; lane < kPageTokens; lane += Isa::kLanes) {
      const F32 s = ruled_score<Isa>(rule, queries[r], range, first_key, lane, scores[r]);
      largest[r] = Isa::max(largest[r], s);
      Isa::store(scores[r] + lane, s);
    }
  }
  float max[kRows];
  alignas(64) float falls[Isa::kLanes] = {};
  F32 base[kRows];
  GALAGO_UNROLL
  for (int r = 0; r < kRows; ++r) {
    const float block_max = Isa::maximum(largest[r]);
    max[r] = queries[r].max > block_max ? queries[r].max : block_max;
    // With nothing visible so far, through key_bias, there is no maximum to subtract.
    base[r] = Isa::set1(max[r] == kMinusInfinity ? 0.0f : max[r]);
    falls[r] = max[r] == kMinusInfinity ? 0.0f : queries[r].max - max[r];
    total[r] = Isa::zero();
  }
  for (std::int64_t lane = 0; lane < kPageTokens; lane += Isa::kLanes) {
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const F32 weight = exp<Isa>(Isa::sub(Isa::load(scores[r] + lane), base[r]));
      total[r] = Isa::add(total[r], weight);
      Isa::store(scores[r] + lane, weight);
    }
  }
  alignas(64) float factors[Isa::kLanes];
  Isa::store(factors, exp<Isa>(Isa::load(falls)));
  GALAGO_UNROLL
  for (int r = 0; r < kRows; ++r) {
    Query& query = queries[r];
    if (query.max != max[r]) {
      scale_row<Isa>(query.y, factors[r], v_dim);
      query.sum *= factors[r];
      query.max = max[r];
    }
    query.sum += Isa::sum(total[r]);
  }
}

template <class Isa>
GALAGO_INLINE void soften_queries(const ScoreRule& rule, Query* queries, int count, std::int64_t first_key,
                                  std::int64_t v_dim, BlockScores* scores) {
  constexpr int kTogether = kSoftQueries<Isa>;
  static_assert(kTogether <= Isa::kLanes);
  int i = 0;
  for (; i + kTogether <= count; i += kTogether) {
    soften<Isa, kTogether>(rule, queries + i, first_key, v_dim, scores + i);
  }
  for (; i < count; ++i) soften<Isa, 1>(rule, queries + i, first_key, v_dim, scores + i);
}

template <class Isa>
GALAGO_INLINE void soften_block(const ScoreRule& rule, const QueryBlock& block, std::int64_t first_key,
                                std::int64_t v_dim) {
  for_queries<Isa, kMaxQueries>(block.queries, block.count, first_key, [&](int i, int n) GALAGO_LAMBDA {
    soften_queries<Isa>(rule, block.queries + i, n, first_key, v_dim, block.scores + i);
  });
}

template <class Isa>
GALAGO_INLINE void begin_query(Query& query, float* y, std::int64_t v_dim) {
  query.y = y;
  query.max = kMinusInfinity;
  query.sum = 0.0f;
  for (std::int64_t d = 0; d < v_dim; d += Isa::kLanes) store_row<Isa>(y + d, Isa::zero(), v_dim - d);
}

// A query that saw nothing is left at zero.
template <class Isa>
GALAGO_INLINE void end_query(float* y, float sum, std::int64_t v_dim) {
  scale_row<Isa>(y, sum > 0.0f ? 1.0f / sum : sum, v_dim);
}

}  // namespace galago::cpu
