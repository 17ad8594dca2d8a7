#include "ops/paged_attention.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "base/try.h"
#include "ops/attend.h"
#include "ops/executor.h"
#include "ops/paged_state.h"

namespace galago::ops {
namespace {

// The pages of the keys that one row sees: tokens [first, last] of its sequence.
struct VisibleKeys {
  std::int32_t first = 0;
  std::vector<const std::byte*> pages;  // of each token

  std::int32_t token(std::size_t i) const { return first + static_cast<std::int32_t>(i); }
};

Status find_keys(const PagedState& state, std::int32_t sequence, std::int32_t last, int window, VisibleKeys* keys) {
  keys->first = window > 0 && last >= window ? last - window + 1 : 0;
  keys->pages.clear();
  for (std::int32_t token = keys->first; token <= last; ++token) {
    GALAGO_TRY(const std::byte* const page, state.page(sequence, token));
    keys->pages.push_back(page);
  }
  return {};
}

}  // namespace

void PagedAttention::fields(FieldVisitor& visit) const {
  visit("state", state);
  visit("kv_heads", kv_heads);
  visit("v_dim", v_dim);
  visit("scale", scale);
  visit("window", window);
  visit("soft_cap", soft_cap);
}

Result<TensorTypes> PagedAttention::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"q"});
  GALAGO_CHECK(in.count(1, 1));
  GALAGO_CHECK(in.is(0, DType::kF32, 3));
  if (state < 0 || kv_heads < 1 || v_dim < 1 || window < 0 || !(soft_cap >= 0.0f)) {
    return error(ErrorCode::kInvalidArgument,
                 "{}: state={}, kv_heads={}, v_dim={}, window={}, soft_cap={}; expected no negative value, and at "
                 "least 1 kv_heads and v_dim",
                 kName, state, kv_heads, v_dim, window, soft_cap);
  }
  const Shape& q = inputs[0].shape;
  if (!q.dim(1).is_constant() || q.dim(1).bound() % kv_heads != 0) {
    return in.mismatch(0, fmt::format("a multiple of {} heads (kv_heads) in dim 1", kv_heads));
  }
  if (!q.dim(2).is_constant()) return in.mismatch(0, "a constant size in dim 2");
  return TensorTypes{{DType::kF32, {q.dim(0), q.dim(1), v_dim}}};
}

Status PagedAttention::reference(const ReferenceCall& call) const {
  const TensorView& q = call.inputs[0];
  const std::int64_t heads = q.sizes[1], k_dim = q.sizes[2];
  const Paged spec{kv_heads, static_cast<int>(k_dim), v_dim};
  GALAGO_TRY(const PagedState pages, PagedState::open(kName, call.step, state, spec, q.sizes[0]));
  VisibleKeys keys;
  std::vector<double> weights;
  std::vector<float> key(static_cast<std::size_t>(k_dim)), value_row(static_cast<std::size_t>(v_dim));
  for (std::int64_t row = 0; row < q.sizes[0]; ++row) {
    GALAGO_CHECK(find_keys(pages, call.step->sequence[row], call.step->position[row], window, &keys));
    weights.resize(keys.pages.size());
    for (std::int64_t head = 0; head < heads; ++head) {
      const std::int64_t kv_head = head / (heads / kv_heads);
      const float* query = q.floats() + (row * heads + head) * k_dim;
      for (std::size_t i = 0; i < weights.size(); ++i) {
        pages.read_key(keys.pages[i], keys.token(i), kv_head, key.data());
        weights[i] = double{scale} * dot(query, key.data(), k_dim);
        if (soft_cap > 0.0f) weights[i] = soft_cap * std::tanh(weights[i] / soft_cap);
      }
      softmax_in_place(weights);
      const auto value = [&](std::size_t i) {
        pages.read_value(keys.pages[i], keys.token(i), kv_head, value_row.data());
        return value_row.data();
      };
      weighted_sum(weights, value, v_dim, call.outputs[0].floats() + (row * heads + head) * v_dim);
    }
  }
  return {};
}

Tensor paged_attention(const Tensor& q, const PagedAttention& op, const StepView* step) {
  return apply_one(op, {q}, step);
}

}  // namespace galago::ops
