// Attention of new rows to the keys and values their sequences keep in pages.
#pragma once

#include "backends/cpu/kernels/attention_pages.inl.h"

namespace galago::cpu {

// The softmax and the values of keys [first, end) of the grid, `first` at the start of a page. Their results accumulate
// in `results`, `stride` apart.
template <class Isa, class Pages>
GALAGO_INLINE void attend_pages(const Pages& pages, const PagedQueries& group, std::int64_t first, std::int64_t end,
                                float* results) {
  Query* queries = group.block.queries;
  std::int64_t begin = end, last = first;
  for (int i = 0; i < group.block.count; ++i) {
    begin_query<Isa>(queries[i], results + i * pages.result_stride(), pages.a.v_dim);
    if (queries[i].begin < begin) begin = queries[i].begin;
    if (queries[i].end > last) last = queries[i].end;
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

// Rows [first, last) of one sequence and one head of keys, in blocks of queries.
template <class Isa, class Pages>
struct PagedRows {
  Pages pages;
  alignas(64) float results[kResultFloats];
  alignas(64) BlockScores scores[kMaxQueries];

  explicit PagedRows(Pages of) : pages(of) {}

  GALAGO_INLINE void attend(std::int64_t first, std::int64_t last, std::int64_t kv_head) {
    const AttentionPagedArgs& a = pages.a;
    for_blocks(first, last, kv_head, [&](const PagedQueries& group, std::int64_t at) GALAGO_LAMBDA {
      SplitResult totals[kMaxQueries];
      for (int i = 0; i < group.block.count; ++i) {
        totals[i] = no_result<Isa>(result_of<Isa>(a, row_of(at + i), head_of(at + i, kv_head)), a.v_dim);
      }
      attend_all(group, totals);
      for (int i = 0; i < group.block.count; ++i) finish<Isa>(a, totals[i], head_of(at + i, kv_head));
    });
  }

  // The partial results of splits [first_split, last_split).
  GALAGO_INLINE void split(std::int64_t first, std::int64_t last, std::int64_t kv_head) {
    const AttentionPagedArgs& a = pages.a;
    const std::int64_t width = a.v_dim + 2;
    for_blocks(first, last, kv_head, [&](const PagedQueries& group, std::int64_t at) GALAGO_LAMBDA {
      for (std::int64_t split = a.first_split; split < a.last_split; ++split) {
        float* base = a.partials + (split - a.first_split) * a.partial_rows * a.n_heads * width;
        attend_pages<Isa>(pages, group, split * kSplitTokens, (split + 1) * kSplitTokens, results);
        for (int i = 0; i < group.block.count; ++i) {
          const Query& query = group.block.queries[i];
          float* to = base + (row_of(at + i) * a.n_heads + head_of(at + i, kv_head)) * width;
          copy_row<Isa>(query.y, to, a.v_dim);
          to[a.v_dim] = query.max;
          to[a.v_dim + 1] = query.sum;
        }
      }
    });
  }

 private:
  // Query `i` of those of a head of keys: its row, and its head.
  GALAGO_INLINE std::int64_t row_of(std::int64_t i) const { return i / (pages.a.n_heads / pages.a.kv.n_kv_heads); }
  GALAGO_INLINE std::int64_t head_of(std::int64_t i, std::int64_t kv_head) const {
    const std::int64_t heads = pages.a.n_heads / pages.a.kv.n_kv_heads;
    return kv_head * heads + i % heads;
  }

  template <class F>
  GALAGO_INLINE void for_blocks(std::int64_t first, std::int64_t last, std::int64_t kv_head, const F& f) {
    const AttentionPagedArgs& a = pages.a;
    const std::int64_t heads = a.n_heads / a.kv.n_kv_heads;
    const int most = pages.most_queries();
    Query queries[kMaxQueries];
    for (std::int64_t at = first * heads; at < last * heads; at += most) {
      const int count = static_cast<int>(last * heads - at < most ? last * heads - at : most);
      for (int i = 0; i < count; ++i) queries[i] = make_query<Isa>(a, row_of(at + i), head_of(at + i, kv_head));
      const QueryBlock block{queries, count, scores};
      pages.take(block);
      f(PagedQueries{block, a.sequence[first], kv_head}, at);
    }
  }

  // All keys of the group, split by split.
  GALAGO_INLINE void attend_all(const PagedQueries& group, SplitResult* totals) {
    const Query* queries = group.block.queries;
    std::int64_t begin = queries[0].begin, end = 0;
    for (int i = 0; i < group.block.count; ++i) {
      if (queries[i].begin < begin) begin = queries[i].begin;
      if (queries[i].end > end) end = queries[i].end;
    }
    for (std::int64_t split = begin / kSplitTokens; split * kSplitTokens < end; ++split) {
      attend_pages<Isa>(pages, group, split * kSplitTokens, (split + 1) * kSplitTokens, results);
      for (int i = 0; i < group.block.count; ++i) {
        merge_split<Isa>(totals[i], {queries[i].y, queries[i].max, queries[i].sum}, pages.a.v_dim);
      }
    }
  }
};

// Calls f(first, last, kv_head) for the rows of each sequence and each head of keys.
template <class Isa, class F>
GALAGO_INLINE void for_sequences(const AttentionPagedArgs& a, const F& f) {
  for (std::int64_t first = a.first_row, last = first; first < a.last_row; first = last) {
    while (last < a.last_row && a.sequence[last] == a.sequence[first]) ++last;
    for (std::int64_t head = a.first_kv_head; head < a.last_kv_head; ++head) f(first, last, head);
  }
}

template <class Isa, bool kSplits, class Pages>
void paged_sequences(const AttentionPagedArgs& a) {
  typename Pages::Buffers buffers;
  PagedRows<Isa, Pages> rows(Pages{a, buffers});
  for_sequences<Isa>(a, [&](std::int64_t first, std::int64_t last, std::int64_t kv_head) GALAGO_LAMBDA {
    if constexpr (kSplits) {
      rows.split(first, last, kv_head);
    } else {
      rows.attend(first, last, kv_head);
    }
  });
}

// Those of plain elements.
template <class Isa, bool kSplits, class Products>
GALAGO_INLINE void plain_sequences(const AttentionPagedArgs& a) {
  switch (a.kv.type) {
    case KvType::kF16: return paged_sequences<Isa, kSplits, PlainPages<Isa, HalfElement, Products>>(a);
    case KvType::kBF16: return paged_sequences<Isa, kSplits, PlainPages<Isa, BFloatElement, Products>>(a);
    default: return paged_sequences<Isa, kSplits, PlainPages<Isa, float, Products>>(a);
  }
}

template <class Isa, bool kSplits>
GALAGO_INLINE void all_sequences(const AttentionPagedArgs& a) {
  switch (a.kv.type) {
    case KvType::kQ8: return paged_sequences<Isa, kSplits, CodedPages<Isa, 8>>(a);
    case KvType::kQ4: return paged_sequences<Isa, kSplits, CodedPages<Isa, 4>>(a);
    default: return plain_sequences<Isa, kSplits, FloatProducts<Isa>>(a);
  }
}

template <class Isa>
void attention_paged(const AttentionPagedArgs& a) {
  all_sequences<Isa, false>(a);
}

template <class Isa>
void attention_split(const AttentionPagedArgs& a) {
  all_sequences<Isa, true>(a);
}

}  // namespace galago::cpu
