// Attention without a cache, for towers and encoders: keys and values are rows of f32.
#pragma once

#include "backends/cpu/kernels/attention_products.inl.h"

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

// What a block of queries of one head of keys is computed with.
template <class Isa, class Products>
struct DenseRows {
  const AttentionDenseArgs& a;
  Products products;
  Query queries[kMaxQueries];
  alignas(64) BlockScores scores[kMaxQueries];
  alignas(64) float keys[kMaxDenseHeadDim * kPageTokens];
  alignas(64) float key_bias[kPageTokens];
  alignas(64) float results[kResultFloats];

  explicit DenseRows(const AttentionDenseArgs& args) : a(args) {}

  // Rows [low, high) of the segment [first, last).
  GALAGO_INLINE void attend(std::int64_t first, std::int64_t last, std::int64_t low, std::int64_t high,
                            std::int64_t kv_head) {
    const std::int64_t heads = a.n_heads / a.n_kv_heads;
    const int most = Products::most_queries(a.k_dim, a.v_dim);
    for (std::int64_t at = low * heads; at < high * heads; at += most) {
      const int count = static_cast<int>(high * heads - at < most ? high * heads - at : most);
      for (int i = 0; i < count; ++i) {
        const std::int64_t row = (at + i) / heads, head = kv_head * heads + (at + i) % heads;
        queries[i] = {};
        queries[i].q = a.q + row * a.q_stride + head * a.k_dim;
        queries[i].end = a.causal ? row - first + 1 : last - first;
        begin_query<Isa>(queries[i], results + i * Products::result_stride(a.v_dim), a.v_dim);
      }
      attend_keys(count, first, last, kv_head);
      for (int i = 0; i < count; ++i) {
        const std::int64_t row = (at + i) / heads, head = kv_head * heads + (at + i) % heads;
        float* y = a.y + row * a.y_stride + head * a.v_dim;
        copy_row<Isa>(queries[i].y, y, a.v_dim);
        end_query<Isa>(y, queries[i].sum, a.v_dim);
      }
    }
  }

 private:
  GALAGO_INLINE void attend_keys(int count, std::int64_t first, std::int64_t last, std::int64_t head) {
    const ScoreRule rule{a.scale, a.softcap, a.key_mask == nullptr ? nullptr : key_bias};
    const QueryBlock block{queries, count, scores};
    std::int64_t end = 0;
    for (int i = 0; i < count; ++i) end = queries[i].end > end ? queries[i].end : end;
    products.take(block, a.k_dim, a.v_dim);
    for (std::int64_t key = 0; key < end; key += kPageTokens) {
      const std::int64_t from = first + key, to = from + kPageTokens < last ? from + kPageTokens : last;
      transpose_keys<Isa>(a, from, to, head, keys);
      if (a.key_mask != nullptr) {
        for (std::int64_t i = 0; i < kPageTokens; ++i) {
          key_bias[i] = from + i < to && a.key_mask[from + i] == 0 ? kMinusInfinity : 0.0f;
        }
      }
      products.score(keys, a.k_dim, block, key, {0, to - from});
      soften_block<Isa>(rule, block, key, a.v_dim);
      products.add(a.v + from * a.v_stride + head * a.v_dim, a.v_stride, 0, a.v_dim, block, key, {0, to - from});
    }
  }
};

template <class Isa, class Products>
void dense_segments(const AttentionDenseArgs& a) {
  DenseRows<Isa, Products> rows(a);
  for (std::int64_t i = 0; i < a.n_segments; ++i) {
    const std::int64_t first = a.segments[i], last = a.segments[i + 1];
    const std::int64_t low = first > a.first_row ? first : a.first_row;
    const std::int64_t high = last < a.last_row ? last : a.last_row;
    if (low >= high) continue;
    for (std::int64_t head = a.first_kv_head; head < a.last_kv_head; ++head) rows.attend(first, last, low, high, head);
  }
}

template <class Isa>
void attention_dense(const AttentionDenseArgs& a) {
  dense_segments<Isa, FloatProducts<Isa>>(a);
}

}  // namespace galago::cpu
