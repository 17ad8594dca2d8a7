// Results of splits of the keys, joined in order.
#pragma once

#include "backends/cpu/kernels/attention.inl.h"
#include "backends/cpu/kernels/kv_rotate.inl.h"

namespace galago::cpu {

template <class Isa>
GALAGO_INLINE float* result_of(const AttentionPagedArgs& a, std::int64_t row, std::int64_t head) {
  return a.y + row * a.y_stride + head * a.v_dim;
}

// The result so far of a query, joined by that of its next split.
struct SplitResult {
  float* y;
  float max, sum;
};

template <class Isa>
GALAGO_INLINE SplitResult no_result(float* y, std::int64_t v_dim) {
  for (std::int64_t d = 0; d < v_dim; d += Isa::kLanes) store_row<Isa>(y + d, Isa::zero(), v_dim - d);
  return {y, kMinusInfinity, 0.0f};
}

template <class Isa>
GALAGO_INLINE void merge_split(SplitResult& total, const SplitResult& part, std::int64_t v_dim) {
  if (part.max == kMinusInfinity) return;  // saw nothing
  const bool first = total.max == kMinusInfinity;
  const float max = total.max > part.max ? total.max : part.max;
  const float old_factor = first ? 0.0f : exp_of<Isa>(total.max - max),
              factor = first ? 1.0f : exp_of<Isa>(part.max - max);
  for (std::int64_t d = 0; d < v_dim; d += Isa::kLanes) {
    const auto old = load_row<Isa>(total.y + d, v_dim - d), y = load_row<Isa>(part.y + d, v_dim - d);
    const auto sum = Isa::fma(y, Isa::set1(factor), Isa::mul(old, Isa::set1(old_factor)));
    store_row<Isa>(total.y + d, first ? y : sum, v_dim - d);
  }
  total.sum = first ? part.sum : part.sum * factor + total.sum * old_factor;
  total.max = max;
}

// Whether results accumulate rotated, as the values of q8 and q4 are kept. Those that are a part of the keys and end
// within a block are rotated back one by one.
template <class Isa>
GALAGO_INLINE bool values_stay_rotated(const AttentionPagedArgs& a) {
  if (a.kv.type != KvType::kQ8 && a.kv.type != KvType::kQ4) return false;
  return a.kv.v_dim > 0 || whole_blocks<Isa>(a.kv.k_dim, a.v_dim);
}

// Divides by the sum, of which a sink takes its part, and rotates back.
template <class Isa>
GALAGO_INLINE void finish(const AttentionPagedArgs& a, SplitResult total, std::int64_t head) {
  if (a.sinks == nullptr || total.max == kMinusInfinity) {
    end_query<Isa>(total.y, total.sum, a.v_dim);
  } else {
    const float sink = a.sinks[head], max = sink > total.max ? sink : total.max;
    const float factor = exp_of<Isa>(total.max - max);
    const float sum = total.sum * factor + exp_of<Isa>(sink - max);
    scale_row<Isa>(total.y, factor / sum, a.v_dim);
  }
  if (values_stay_rotated<Isa>(a)) rotate_row<Isa>(total.y, a.v_dim);
}

template <class Isa>
void attention_merge(const AttentionPagedArgs& a) {
  const std::int64_t heads = a.n_heads / a.kv.n_kv_heads, width = a.v_dim + 2;
  for (std::int64_t row = a.first_row; row < a.last_row; ++row) {
    for (std::int64_t head = a.first_kv_head * heads; head < a.last_kv_head * heads; ++head) {
      float* so_far = a.totals + (row * a.n_heads + head) * 2;
      float* y = result_of<Isa>(a, row, head);
      SplitResult total = a.begins ? no_result<Isa>(y, a.v_dim) : SplitResult{y, so_far[0], so_far[1]};
      for (std::int64_t split = a.first_split; split < a.last_split; ++split) {
        float* part = a.partials + (((split - a.first_split) * a.partial_rows + row) * a.n_heads + head) * width;
        merge_split<Isa>(total, {part, part[a.v_dim], part[a.v_dim + 1]}, a.v_dim);
      }
      so_far[0] = total.max;
      so_far[1] = total.sum;
      if (a.ends) finish<Isa>(a, total, head);
    }
  }
}

}  // namespace galago::cpu
