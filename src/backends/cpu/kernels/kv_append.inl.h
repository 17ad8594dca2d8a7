// Keys and values of new tokens into their pages: keys transposed (a token is a column), values as rows.
#pragma once

#include "backends/cpu/kernels/kv_element.inl.h"

namespace galago::cpu {

template <class Isa, class Element>
void kv_append_rows(const KvAppendArgs& a) {
  const PagedKv& kv = a.kv;
  for (std::int64_t row = a.first_row; row < a.last_row; ++row) {
    const std::int64_t position = a.position[row], slot = position % kPageTokens;
    const std::int32_t page = kv.page_table[a.sequence[row] * kv.page_table_stride + position / kPageTokens];
    std::byte* base = kv.base + page * kv.page_bytes;
    auto* keys = reinterpret_cast<Element*>(base + kv.k_offset);
    auto* values = reinterpret_cast<Element*>(base + kv.v_offset);
    const float* k = a.k + row * a.k_stride;
    for (std::int64_t i = 0; i < kv.n_kv_heads * kv.k_dim; i += Isa::kLanes) {
      const std::int64_t left = kv.n_kv_heads * kv.k_dim - i, n = left < Isa::kLanes ? left : Isa::kLanes;
      Element column[Isa::kLanes];
      KvElement<Isa, Element>::store(column, load_row<Isa>(k + i, left), Isa::kLanes);
      for (std::int64_t j = 0; j < n; ++j) keys[(i + j) * kPageTokens + slot] = column[j];
    }
    for (std::int64_t head = 0; head < kv.n_kv_heads; ++head) {
      const float* v = a.v + row * a.v_stride + head * kv.v_dim;
      Element* to = values + (head * kPageTokens + slot) * kv.v_dim;
      for (std::int64_t i = 0; i < kv.v_dim; i += Isa::kLanes) {
        KvElement<Isa, Element>::store(to + i, load_row<Isa>(v + i, kv.v_dim - i), kv.v_dim - i);
      }
    }
  }
}

template <class Isa>
void kv_append(const KvAppendArgs& a) {
  if (a.kv.type == KvType::kF16) return kv_append_rows<Isa, std::uint16_t>(a);
  return kv_append_rows<Isa, float>(a);
}

}  // namespace galago::cpu
