// The second product of attention, with values as rows of f32.
#pragma once

#include "backends/cpu/kernels/attention.inl.h"

namespace galago::cpu {

// Rows of values: key i's dims from the first of a part on.
struct ValueRows {
  const float* v;
  std::int64_t stride;
};

// y[r][d ...] += over keys [begin, end): weights[r][key] * v[key][d ...]. `at` is d within the rows.
template <class Isa, int kRows, int kVectors>
GALAGO_INLINE void add_values(const ValueRows& rows, std::int64_t at, const Query* queries, KeyRange keys,
                              const BlockScores* weights, std::int64_t d, std::int64_t left) {
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
    const float* row = rows.v + key * rows.stride + at;
    F32 values[kVectors];
    GALAGO_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      values[v] = load_row<Isa>(row + v * Isa::kLanes, kVectors > 1 ? Isa::kLanes : left);
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

// Dims [d, d + n) of kRows queries.
template <class Isa, int kRows>
void add_value_dims(const ValueRows& rows, std::int64_t d, std::int64_t n, const Query* queries, KeyRange keys,
                    const BlockScores* weights) {
  if (keys.begin >= keys.end) return;
  constexpr int kWide = Isa::kKeyVectors;
  std::int64_t at = 0;
  for (; at + kWide * Isa::kLanes <= n; at += kWide * Isa::kLanes) {
    add_values<Isa, kRows, kWide>(rows, at, queries, keys, weights, d + at, Isa::kLanes);
  }
  for (; at < n; at += Isa::kLanes) add_values<Isa, kRows, 1>(rows, at, queries, keys, weights, d + at, n - at);
}

template <class Isa>
struct AddValues {
  ValueRows rows;
  std::int64_t d, n;
  const Query* queries;
  std::int64_t first_key;
  const BlockScores* weights;

  // Keys that only some of the queries see are added for those alone: 0 * v is not 0 when v is infinite. All go in
  // order.
  template <int kRows>
  GALAGO_INLINE void run() const {
    KeyRange ranges[kRows];
    KeyRange common{0, kPageTokens};
    for (int r = 0; r < kRows; ++r) {
      ranges[r] = keys_in_block<Isa>(queries[r], first_key);
      if (ranges[r].begin > common.begin) common.begin = ranges[r].begin;
      if (ranges[r].end < common.end) common.end = ranges[r].end;
    }
    if (common.begin >= common.end) {
      for (int r = 0; r < kRows; ++r) one(r, ranges[r]);
      return;
    }
    for (int r = 0; r < kRows; ++r) one(r, {ranges[r].begin, common.begin});
    add_value_dims<Isa, kRows>(rows, d, n, queries, common, weights);
    for (int r = 0; r < kRows; ++r) one(r, {common.end, ranges[r].end});
  }

 private:
  GALAGO_INLINE void one(int r, KeyRange keys) const {
    add_value_dims<Isa, 1>(rows, d, n, queries + r, keys, weights + r);
  }
};

// Dims [d, d + n) of all queries that see the block; `rows` begins at dim d.
template <class Isa>
GALAGO_INLINE void add_value_block(const ValueRows& rows, std::int64_t d, std::int64_t n, const Query* queries,
                                   int count, std::int64_t first_key, const BlockScores* weights) {
  for_queries<Isa, kFloatQueries<Isa>>(queries, count, first_key, [&](int i, int found) GALAGO_LAMBDA {
    for_count<Isa, kFloatQueries<Isa>>(found, AddValues<Isa>{rows, d, n, queries + i, first_key, weights + i});
  });
}

}  // namespace galago::cpu
