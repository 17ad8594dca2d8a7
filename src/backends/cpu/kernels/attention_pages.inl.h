// A page of keys and values, as a block of queries passes over it.
#pragma once

#include "backends/cpu/kernels/attention_codes.inl.h"
#include "backends/cpu/kernels/attention_merge.inl.h"
#include "backends/cpu/kernels/attention_products.inl.h"

namespace galago::cpu {

// Queries of one sequence and one head of keys.
struct PagedQueries {
  QueryBlock block;
  std::int64_t sequence, kv_head;
};

// Pages of plain elements.
template <class Isa, class Element, class Products>
struct PlainPages {
  using Buffers = Products;
  const AttentionPagedArgs& a;
  Products& products;

  GALAGO_INLINE int most_queries() const { return Products::most_queries(a.kv.k_dim, a.v_dim); }
  GALAGO_INLINE std::int64_t result_stride() const { return Products::result_stride(a.v_dim); }
  GALAGO_INLINE void take(const QueryBlock& block) const { products.take(block, a.kv.k_dim, a.v_dim); }

  void attend(const PagedQueries& group, std::byte* page, std::int64_t first_key, KeyRange keys) const {
    const PagedKv& kv = a.kv;
    const QueryBlock& block = group.block;
    const Element* k = reinterpret_cast<const Element*>(page + kv.k_offset) + group.kv_head * kv.k_dim * kPageTokens;
    const Element* v = reinterpret_cast<const Element*>(page + kv.v_offset) + group.kv_head * kv.v_dim * kPageTokens;
    products.score(k, kv.k_dim, block, first_key, keys);
    soften_block<Isa>({a.scale, a.softcap, nullptr}, block, first_key, a.v_dim);
    if (kv.v_dim > 0) return products.add(v, kv.v_dim, 0, a.v_dim, block, first_key, keys);
    alignas(64) float turned[kLoadDims * kPageTokens];
    for (std::int64_t d = 0; d < a.v_dim; d += kLoadDims) {
      const std::int64_t n = a.v_dim - d < kLoadDims ? a.v_dim - d : kLoadDims;
      const ValueRows rows = load_values_of_keys<Isa>(k, d, n, turned);
      products.add(rows.v, rows.stride, d, n, block, first_key, keys);
    }
  }
};

struct CodedBuffers {
  alignas(64) std::int8_t codes[2 * kResultFloats];  // of the queries
  std::int32_t code_sums[kResultFloats / kQ4Dims];
  alignas(64) float values[kRotationDims * kPageTokens];
  alignas(64) std::uint8_t turned[kMaxCodedHeadDim * kPageTokens];
};

// Pages of q8 and q4.
template <class Isa, int kBits>
struct CodedPages {
  using Buffers = CodedBuffers;
  const AttentionPagedArgs& a;
  Buffers& buffers;

  GALAGO_INLINE int most_queries() const {
    const std::int64_t k_pad = padded_dim<Isa, kBits>(a.kv.k_dim), dim = a.v_dim > k_pad ? a.v_dim : k_pad;
    const std::int64_t n = kResultFloats / dim;
    return static_cast<int>(n < kMaxQueries ? n : kMaxQueries);
  }
  GALAGO_INLINE std::int64_t result_stride() const { return a.v_dim; }
  GALAGO_INLINE void take(const QueryBlock& block) const {
    const std::int64_t k_dim = a.kv.k_dim, k_pad = padded_dim<Isa, kBits>(k_dim);
    for (int i = 0; i < block.count; ++i) {
      encode_query<Isa, kBits>(block.queries[i], k_dim, buffers.codes + 2 * i * k_pad,
                               buffers.code_sums + i * scale_groups<Isa, kBits>(k_dim));
    }
  }

  void attend(const PagedQueries& group, std::byte* page, std::int64_t first_key, KeyRange keys) const {
    const PagedKv& kv = a.kv;
    const ScoreRule rule{a.scale, a.softcap, nullptr};
    const CodedHead k = coded_head<Isa, kBits>(page + kv.k_offset, kv.n_kv_heads, group.kv_head, kv.k_dim);
    if (!values_stay_rotated<Isa>(a)) return attend_parts(k, rule, group.block, first_key, keys);
    const CodedHead v = kv.v_dim > 0
                            ? coded_head<Isa, kBits>(page + kv.v_offset, kv.n_kv_heads, group.kv_head, kv.v_dim)
                            : turn_key_codes<Isa, kBits>(k, a.v_dim, buffers.turned);
    attend_codes<Isa, kBits>(k, kv.k_dim, v, a.v_dim, rule, group.block, first_key);
  }

 private:
  // With values that end within a block of the keys' rotation.
  void attend_parts(const CodedHead& k, const ScoreRule& rule, const QueryBlock& block, std::int64_t first_key,
                    KeyRange keys) const {
    constexpr int kMost = kCodedQueries<Isa>;
    for_queries<Isa, kMost>(block.queries, block.count, first_key, [&](int i, int n) GALAGO_LAMBDA {
      for_count<Isa, kMost>(n, ScoreCodes<Isa, kBits>{k, a.kv.k_dim, block.queries + i, block.scores + i});
    });
    soften_block<Isa>(rule, block, first_key, a.v_dim);
    for (std::int64_t d = 0; d < a.v_dim;) {
      const std::int64_t dims = rotation_block<Isa>(a.kv.k_dim - d), left = a.v_dim - d;
      const ValueRows rows = load_rotated_block<Isa, kBits>(k, d, dims, keys, buffers.values);
      add_value_block<Isa>(rows, d, left < dims ? left : dims, block.queries, block.count, first_key, block.scores);
      d += dims;
    }
  }
};

}  // namespace galago::cpu
