// Attention without a cache, for towers and encoders: keys and values are rows of f32.
#pragma once

#include "backends/cpu/kernels/attention_values.inl.h"

namespace galago::cpu {

// Keys [first, last) of one head, at most 64, to (k_dim, 64); columns beyond them are zeros.
template <class Isa>
void transpose_keys(const AttentionDenseArgs& a, std::int64_t first, std::int64_t last, std::int64_t head, float* out) {
  const float* k = a.k + first * a.k_stride + head * a.k_dim;
  const std::int64_t keys = last - first;
  for (std::int64_t d = 0; d < a.k_dim; ++d) {
    float* row = out + d * kPageTokens;
    for (std::int64_t key = 0; key < keys; ++key) row[key] = k[key * a.k_stride + d];
    for (std::int64_t key = keys; key < kPageTokens; ++key) row[key] = 0.0f;
  }
}

// Queries of one head of keys within the segment of rows [first, last).
template <class Isa>
void dense_queries(const AttentionDenseArgs& a, std::int64_t first, std::int64_t last, std::int64_t head,
                   Query* queries, int count) {
  alignas(64) float keys[kMaxDenseHeadDim * kPageTokens];
  alignas(64) float key_bias[kPageTokens];
  alignas(64) BlockScores scores[kMaxQueries];
  const ScoreRule rule{a.scale, a.softcap, a.key_mask == nullptr ? nullptr : key_bias};
  std::int64_t end = 0;
  for (int i = 0; i < count; ++i) {
    begin_query<Isa>(queries[i], queries[i].y, a.v_dim);
    if (queries[i].end > end) end = queries[i].end;
  }
  for (std::int64_t key = 0; key < end; key += kPageTokens) {
    const std::int64_t from = first + key, to = from + kPageTokens < last ? from + kPageTokens : last;
    transpose_keys<Isa>(a, from, to, head, keys);
    if (a.key_mask != nullptr) {
      for (std::int64_t i = 0; i < kPageTokens; ++i) {
        key_bias[i] = from + i < to && a.key_mask[from + i] == 0 ? kMinusInfinity : 0.0f;
      }
    }
    score_block<Isa>(keys, 0, a.k_dim, queries, count, key, scores);
    soften_block<Isa>(rule, queries, count, key, a.v_dim, scores);
    const ValueRows values{a.v + from * a.v_stride + head * a.v_dim, a.v_stride};
    add_value_block<Isa>(values, 0, a.v_dim, queries, count, key, scores);
  }
  for (int i = 0; i < count; ++i) end_query<Isa>(queries[i].y, queries[i].sum, a.v_dim);
}

// Rows [low, high) of the segment [first, last).
template <class Isa>
void dense_rows(const AttentionDenseArgs& a, std::int64_t first, std::int64_t last, std::int64_t low, std::int64_t high,
                std::int64_t kv_head) {
  const std::int64_t group = a.n_heads / a.n_kv_heads;
  Query queries[kMaxQueries];
  int count = 0;
  for (std::int64_t i = 0; i < (high - low) * group; ++i) {
    const std::int64_t row = low + i / group, head = kv_head * group + i % group;
    Query& query = queries[count++];
    query = {};
    query.q = a.q + row * a.q_stride + head * a.k_dim;
    query.y = a.y + row * a.y_stride + head * a.v_dim;
    query.begin = 0;
    query.end = a.causal ? row - first + 1 : last - first;
    if (count == kMaxQueries || i + 1 == (high - low) * group) {
      dense_queries<Isa>(a, first, last, kv_head, queries, count);
      count = 0;
    }
  }
}

template <class Isa>
void attention_dense(const AttentionDenseArgs& a) {
  for (std::int64_t i = 0; i < a.n_segments; ++i) {
    const std::int64_t first = a.segments[i], last = a.segments[i + 1];
    const std::int64_t low = first > a.first_row ? first : a.first_row;
    const std::int64_t high = last < a.last_row ? last : a.last_row;
    if (low >= high) continue;
    for (std::int64_t head = a.first_kv_head; head < a.last_kv_head; ++head) {
      dense_rows<Isa>(a, first, last, low, high, head);
    }
  }
}

}  // namespace galago::cpu
