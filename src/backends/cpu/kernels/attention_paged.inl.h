// Attention of new rows to the keys and values their sequences keep in pages.
#pragma once

#include "backends/cpu/kernels/attention.inl.h"

namespace galago::cpu {

template <class Isa, class Element>
void paged_queries(const AttentionPagedArgs& a, std::int64_t sequence, std::int64_t head, Query* queries, int count) {
  const PagedKv& kv = a.kv;
  std::int64_t begin = queries[0].begin, end = queries[0].end;
  for (int i = 0; i < count; ++i) {
    if (queries[i].begin < begin) begin = queries[i].begin;
    if (queries[i].end > end) end = queries[i].end;
    begin_query<Isa>(queries[i], kv.v_dim);
  }
  for (std::int64_t page = begin / kPageTokens; page * kPageTokens < end; ++page) {
    const std::byte* base = kv.base + kv.page_table[sequence * kv.page_table_stride + page] * kv.page_bytes;
    KeyBlock<Element> block;
    block.k = reinterpret_cast<const Element*>(base + kv.k_offset) + head * kv.k_dim * kPageTokens;
    block.v = reinterpret_cast<const Element*>(base + kv.v_offset) + head * kv.v_dim * kPageTokens;
    block.v_stride = kv.v_dim;
    block.key_bias = nullptr;
    block.first_key = page * kPageTokens;
    block.k_dim = kv.k_dim;
    block.v_dim = kv.v_dim;
    block.scale = a.scale;
    block.softcap = a.softcap;
    attend_block<Isa>(block, queries, count);
  }
  for (int i = 0; i < count; ++i) end_query<Isa>(queries[i], kv.v_dim);
}

// Rows [first, last) of one sequence and one head of keys.
template <class Isa, class Element>
void paged_rows(const AttentionPagedArgs& a, std::int64_t first, std::int64_t last, std::int64_t kv_head) {
  const std::int64_t group = a.n_heads / a.kv.n_kv_heads;
  Query queries[kMaxQueries];
  int count = 0;
  for (std::int64_t i = 0; i < (last - first) * group; ++i) {
    const std::int64_t row = first + i / group, head = kv_head * group + i % group;
    Query& query = queries[count++];
    query.q = a.q + row * a.q_stride + head * a.kv.k_dim;
    query.y = a.y + row * a.y_stride + head * a.kv.v_dim;
    query.end = a.key_end == nullptr ? a.position[row] + 1 : a.key_end[row];
    query.begin = a.window > 0 && a.position[row] + 1 > a.window ? a.position[row] + 1 - a.window : 0;
    if (count == kMaxQueries || i + 1 == (last - first) * group) {
      paged_queries<Isa, Element>(a, a.sequence[first], kv_head, queries, count);
      count = 0;
    }
  }
}

template <class Isa>
void attention_paged(const AttentionPagedArgs& a) {
  for (std::int64_t first = a.first_row, last = first; first < a.last_row; first = last) {
    while (last < a.last_row && a.sequence[last] == a.sequence[first]) ++last;
    for (std::int64_t head = a.first_kv_head; head < a.last_kv_head; ++head) {
      if (a.kv.type == KvType::kF16) {
        paged_rows<Isa, std::uint16_t>(a, first, last, head);
      } else {
        paged_rows<Isa, float>(a, first, last, head);
      }
    }
  }
}

}  // namespace galago::cpu
