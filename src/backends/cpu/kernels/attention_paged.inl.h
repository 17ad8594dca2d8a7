// Attention of new rows to the keys and values their sequences keep in pages.
#pragma once

#include "backends/cpu/kernels/attention_codes.inl.h"
#include "backends/cpu/kernels/attention_merge.inl.h"
#include "backends/cpu/kernels/kv_load.inl.h"

namespace galago::cpu {

// Floats of partial results, or of queries, that a call keeps on its stack.
constexpr int kQueryFloats = 16384;

// What a block of queries is computed with. Some 200 KB, on the stack.
struct PagedBuffers {
  alignas(64) BlockScores scores[kMaxQueries];
  alignas(64) float keys[kLoadDims * kPageTokens];
  alignas(64) float values[kRotationDims * kPageTokens];
  alignas(64) std::uint8_t turned[kMaxCodedHeadDim * kPageTokens];
};

// Queries of one sequence and one head of keys.
struct PagedQueries {
  Query* queries;
  int count;
  std::int64_t sequence, kv_head;
};

// Pages of plain elements.
template <class Isa, class Element>
struct PlainPages {
  const AttentionPagedArgs& a;
  PagedBuffers& buffers;

  void attend(const PagedQueries& group, std::byte* page, std::int64_t first_key, KeyRange keys) const {
    const PagedKv& kv = a.kv;
    const ScoreRule rule{a.scale, a.softcap, nullptr};
    const Element* k = reinterpret_cast<const Element*>(page + kv.k_offset) + group.kv_head * kv.k_dim * kPageTokens;
    const Element* v = reinterpret_cast<const Element*>(page + kv.v_offset) + group.kv_head * kv.v_dim * kPageTokens;
    for (std::int64_t d = 0; d < kv.k_dim; d += kLoadDims) {
      const std::int64_t n = kv.k_dim - d < kLoadDims ? kv.k_dim - d : kLoadDims;
      const float* rows = load_keys<Isa>(k, d, n, buffers.keys);
      score_block<Isa>(rows, d, n, group.queries, group.count, first_key, buffers.scores);
    }
    soften_block<Isa>(rule, group.queries, group.count, first_key, a.v_dim, buffers.scores);
    for (std::int64_t d = 0; d < a.v_dim; d += kLoadDims) {
      const std::int64_t n = a.v_dim - d < kLoadDims ? a.v_dim - d : kLoadDims;
      const ValueRows rows = kv.v_dim > 0 ? load_values<Isa>(v, kv.v_dim, d, n, keys, buffers.values)
                                          : load_values_of_keys<Isa>(k, d, n, buffers.values);
      add_value_block<Isa>(rows, d, n, group.queries, group.count, first_key, buffers.scores);
    }
  }
};

// Pages of q8 and q4.
template <class Isa, int kBits>
struct CodedPages {
  const AttentionPagedArgs& a;
  PagedBuffers& buffers;

  void attend(const PagedQueries& group, std::byte* page, std::int64_t first_key, KeyRange keys) const {
    const PagedKv& kv = a.kv;
    const ScoreRule rule{a.scale, a.softcap, nullptr};
    const CodedHead k = coded_head<Isa, kBits>(page + kv.k_offset, kv.n_kv_heads, group.kv_head, kv.k_dim);
    if (!values_stay_rotated<Isa>(a)) return attend_parts(k, rule, group, first_key, keys);
    const CodedHead v = kv.v_dim > 0
                            ? coded_head<Isa, kBits>(page + kv.v_offset, kv.n_kv_heads, group.kv_head, kv.v_dim)
                            : turn_key_codes<Isa, kBits>(k, a.v_dim, buffers.turned);
    attend_codes<Isa, kBits>(k, kv.k_dim, v, a.v_dim, rule, group.queries, group.count, first_key, buffers.scores);
  }

 private:
  // With values that end within a block of the keys' rotation.
  void attend_parts(const CodedHead& k, const ScoreRule& rule, const PagedQueries& group, std::int64_t first_key,
                    KeyRange keys) const {
    constexpr int kMost = kCodedQueries<Isa>;
    for_queries<Isa, kMost>(group.queries, group.count, first_key, [&](int i, int n) GALAGO_LAMBDA {
      for_count<Isa, kMost>(n, ScoreCodes<Isa, kBits>{k, a.kv.k_dim, group.queries + i, buffers.scores + i});
    });
    soften_block<Isa>(rule, group.queries, group.count, first_key, a.v_dim, buffers.scores);
    for (std::int64_t d = 0; d < a.v_dim;) {
      const std::int64_t block = rotation_block<Isa>(a.kv.k_dim - d), left = a.v_dim - d;
      const ValueRows rows = load_rotated_block<Isa, kBits>(k, d, block, keys, buffers.values);
      add_value_block<Isa>(rows, d, left < block ? left : block, group.queries, group.count, first_key, buffers.scores);
      d += block;
    }
  }
};

// The softmax and the values of keys [first, end) of the grid, `first` at the start of a page.
template <class Isa, class Pages>
GALAGO_INLINE void attend_pages(const Pages& pages, const PagedQueries& group, std::int64_t first, std::int64_t end) {
  std::int64_t begin = end, last = first;
  for (int i = 0; i < group.count; ++i) {
    if (group.queries[i].begin < begin) begin = group.queries[i].begin;
    if (group.queries[i].end > last) last = group.queries[i].end;
  }
  if (begin < first) begin = first;
  if (last > end) last = end;
  for (std::int64_t page = begin / kPageTokens; page * kPageTokens < last; ++page) {
    const std::int64_t first_key = page * kPageTokens, left = last - first_key;
    pages.attend(group, page_of<Isa>(pages.a.kv, group.sequence, page), first_key,
                 {0, left < kPageTokens ? left : kPageTokens});
  }
}

template <class Isa>
GALAGO_INLINE std::int64_t keys_end(const AttentionPagedArgs& a, std::int64_t row) {
  const std::int64_t own = a.position[row] + 1;
  return a.key_end != nullptr && a.key_end[row] > own ? a.key_end[row] : own;
}

template <class Isa>
GALAGO_INLINE Query make_query(const AttentionPagedArgs& a, std::int64_t row, std::int64_t head) {
  Query query{};
  query.q = a.q + row * a.q_stride + head * a.kv.k_dim;
  query.position = a.position[row];
  query.end = keys_end<Isa>(a, row);
  query.begin = a.window > 0 && query.position + 1 > a.window ? query.position + 1 - a.window : 0;
  query.slope = a.slopes != nullptr ? a.slopes[head] : 0.0f;
  return query;
}

// All keys of the group, split by split. The first split that the group sees accumulates in the results themselves,
// the others in `partial` (count, v_dim).
template <class Isa, class Pages>
GALAGO_INLINE void attend_all(const Pages& pages, const PagedQueries& group, SplitResult* totals, float* partial) {
  const std::int64_t v_dim = pages.a.v_dim;
  std::int64_t begin = group.queries[0].begin, end = 0;
  for (int i = 0; i < group.count; ++i) {
    if (group.queries[i].begin < begin) begin = group.queries[i].begin;
    if (group.queries[i].end > end) end = group.queries[i].end;
    begin_query<Isa>(group.queries[i], totals[i].y, v_dim);
  }
  const std::int64_t first_split = begin / kSplitTokens;
  for (std::int64_t split = first_split; split * kSplitTokens < end; ++split) {
    if (split > first_split) {
      for (int i = 0; i < group.count; ++i) begin_query<Isa>(group.queries[i], partial + i * v_dim, v_dim);
    }
    attend_pages<Isa>(pages, group, split * kSplitTokens, (split + 1) * kSplitTokens);
    for (int i = 0; i < group.count; ++i) {
      const Query& query = group.queries[i];
      if (split > first_split) {
        merge_split<Isa>(totals[i], {query.y, query.max, query.sum}, v_dim);
      } else {
        totals[i].max = query.max;
        totals[i].sum = query.sum;
      }
    }
  }
}

// Rows [first, last) of one sequence and one head of keys, in blocks of queries.
template <class Isa, class Pages, int kBits>
struct PagedRows {
  Pages pages;
  alignas(64) std::int8_t codes[2 * kQueryFloats];
  std::int32_t code_sums[kQueryFloats / kQ4Dims];
  float partial[kQueryFloats];

  explicit PagedRows(Pages of) : pages(of) {}

  // Queries that the buffers hold.
  GALAGO_INLINE int block_size() const {
    const std::int64_t k_dim = pages.a.kv.k_dim, wide = kBits == 0 ? 1 : padded_dim < Isa,
                       kBits == 0 ? 8 : kBits > (k_dim);
    const std::int64_t dim = pages.a.v_dim > wide ? pages.a.v_dim : wide;
    const std::int64_t n = kQueryFloats / dim;
    return static_cast<int>(n < kMaxQueries ? n : kMaxQueries);
  }

  template <class F>
  GALAGO_INLINE void for_blocks(std::int64_t first, std::int64_t last, std::int64_t kv_head, const F& f) {
    const AttentionPagedArgs& a = pages.a;
    const std::int64_t group = a.n_heads / a.kv.n_kv_heads, n = (last - first) * group;
    const int most = block_size();
    Query queries[kMaxQueries];
    for (std::int64_t at = 0; at < n; at += most) {
      const int count = static_cast<int>(n - at < most ? n - at : most);
      for (int i = 0; i < count; ++i) {
        queries[i] = make_query<Isa>(a, first + (at + i) / group, kv_head * group + (at + i) % group);
        encode(queries[i], i);
      }
      f(PagedQueries{queries, count, a.sequence[first], kv_head}, first * group + at);
    }
  }

  GALAGO_INLINE void attend(std::int64_t first, std::int64_t last, std::int64_t kv_head) {
    const AttentionPagedArgs& a = pages.a;
    const std::int64_t heads = a.n_heads / a.kv.n_kv_heads;
    for_blocks(first, last, kv_head, [&](const PagedQueries& group, std::int64_t at) GALAGO_LAMBDA {
      SplitResult totals[kMaxQueries];
      for (int i = 0; i < group.count; ++i) {
        const std::int64_t row = (at + i) / heads, head = kv_head * heads + (at + i) % heads;
        totals[i] = {result_of<Isa>(a, row, head), kMinusInfinity, 0.0f};
      }
      attend_all<Isa>(pages, group, totals, partial);
      for (int i = 0; i < group.count; ++i) finish<Isa>(a, totals[i], kv_head * heads + (at + i) % heads);
    });
  }

  // The partial results of splits [first_split, last_split).
  GALAGO_INLINE void split(std::int64_t first, std::int64_t last, std::int64_t kv_head) {
    const AttentionPagedArgs& a = pages.a;
    const std::int64_t heads = a.n_heads / a.kv.n_kv_heads, width = a.v_dim + 2;
    for_blocks(first, last, kv_head, [&](const PagedQueries& group, std::int64_t at) GALAGO_LAMBDA {
      for (std::int64_t split = a.first_split; split < a.last_split; ++split) {
        float* base = a.partials + (split - a.first_split) * a.partial_rows * a.n_heads * width;
        for (int i = 0; i < group.count; ++i) {
          const std::int64_t row = (at + i) / heads, head = kv_head * heads + (at + i) % heads;
          begin_query<Isa>(group.queries[i], base + (row * a.n_heads + head) * width, a.v_dim);
        }
        attend_pages<Isa>(pages, group, split * kSplitTokens, (split + 1) * kSplitTokens);
        for (int i = 0; i < group.count; ++i) {
          const Query& query = group.queries[i];
          query.y[a.v_dim] = query.max;
          query.y[a.v_dim + 1] = query.sum;
        }
      }
    });
  }

 private:
  GALAGO_INLINE void encode(Query& query, int i) {
    if constexpr (kBits != 0) {
      const std::int64_t k_dim = pages.a.kv.k_dim, k_pad = padded_dim<Isa, kBits>(k_dim);
      encode_query<Isa, kBits>(query, k_dim, codes + 2 * i * k_pad, code_sums + i * scale_groups<Isa, kBits>(k_dim));
    }
  }
};

template <class Isa, bool kSplits, class Pages, int kBits>
void paged_rows(const AttentionPagedArgs& a, std::int64_t first, std::int64_t last, std::int64_t kv_head) {
  PagedBuffers buffers;
  PagedRows<Isa, Pages, kBits> rows(Pages{a, buffers});
  if constexpr (kSplits) {
    rows.split(first, last, kv_head);
  } else {
    rows.attend(first, last, kv_head);
  }
}

template <class Isa, bool kSplits>
void paged_sequences(const AttentionPagedArgs& a) {
  for (std::int64_t first = a.first_row, last = first; first < a.last_row; first = last) {
    while (last < a.last_row && a.sequence[last] == a.sequence[first]) ++last;
    for (std::int64_t head = a.first_kv_head; head < a.last_kv_head; ++head) {
      switch (a.kv.type) {
        case KvType::kF32: paged_rows<Isa, kSplits, PlainPages<Isa, float>, 0>(a, first, last, head); break;
        case KvType::kF16: paged_rows<Isa, kSplits, PlainPages<Isa, HalfElement>, 0>(a, first, last, head); break;
        case KvType::kBF16: paged_rows<Isa, kSplits, PlainPages<Isa, BFloatElement>, 0>(a, first, last, head); break;
        case KvType::kQ8: paged_rows<Isa, kSplits, CodedPages<Isa, 8>, 8>(a, first, last, head); break;
        case KvType::kQ4: paged_rows<Isa, kSplits, CodedPages<Isa, 4>, 4>(a, first, last, head); break;
      }
    }
  }
}

template <class Isa>
void attention_paged(const AttentionPagedArgs& a) {
  paged_sequences<Isa, false>(a);
}

template <class Isa>
void attention_split(const AttentionPagedArgs& a) {
  paged_sequences<Isa, true>(a);
}

}  // namespace galago::cpu
