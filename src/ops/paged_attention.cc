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

// The pages of the keys that one row sees: tokens [first, end) of its sequence.
struct VisibleKeys {
  std::int32_t first = 0;
  std::vector<const std::byte*> pages;  // of each token

  std::int32_t token(std::size_t i) const { return first + static_cast<std::int32_t>(i); }
};

Status find_keys(const PagedState& state, std::int32_t sequence, std::int32_t position, std::int32_t end, int window,
                 VisibleKeys* keys) {
  keys->first = window > 0 && position >= window ? position - window + 1 : 0;
  keys->pages.clear();
  for (std::int32_t token = keys->first; token < end; ++token) {
    GALAGO_TRY(const std::byte* const page, state.page(sequence, token));
    keys->pages.push_back(page);
  }
  return {};
}

// Where the keys end that `row` sees. Those after its own must be of this step.
Result<std::int32_t> end_of_keys(const PagedAttention& op, const ReferenceCall& call, const PagedState& pages,
                                 std::int64_t row) {
  const StepView& step = *call.step;
  const std::int32_t own = pages.position(row) + 1;
  if (!op.has_spans) return own;
  const std::int32_t end = std::max(own, call.inputs[op.spans_input()].ints()[row]);
  std::int64_t last = row;
  while (last + 1 < step.n_rows && step.sequence[last + 1] == step.sequence[row]) ++last;
  if (end > pages.position(last) + 1) {
    return error(ErrorCode::kOutOfRange, "{}: row {} sees up to position {}; the step has tokens before {}", op.kName,
                 row, end, pages.position(last) + 1);
  }
  return end;
}

struct Logits {
  const float* sinks = nullptr;
  const float* slopes = nullptr;
};

// The weights of the keys, of which `weights` holds the products with the query; a sink takes its part of the sum.
void weigh(const PagedAttention& op, const Logits& logits, std::int64_t head, const VisibleKeys& keys,
           std::int32_t position, std::vector<double>* weights) {
  for (std::size_t i = 0; i < weights->size(); ++i) {
    double& weight = (*weights)[i];
    weight *= double{op.scale};
    if (op.soft_cap > 0.0f) weight = op.soft_cap * std::tanh(weight / op.soft_cap);
    if (logits.slopes != nullptr) weight += double{logits.slopes[head]} * (keys.token(i) - position);
  }
  if (logits.sinks != nullptr) weights->push_back(logits.sinks[head]);
  softmax_in_place(*weights);
  if (logits.sinks != nullptr) weights->pop_back();
}

}  // namespace

void PagedAttention::fields(FieldVisitor& visit) const {
  visit("state", state);
  visit("kv_heads", kv_heads);
  visit("v_dim", v_dim);
  visit("scale", scale);
  visit("window", window);
  visit("soft_cap", soft_cap);
  if (values_in_keys) visit("values_in_keys", true);
  if (has_sinks) visit("sinks", true);
  if (has_spans) visit("spans", true);
  if (has_slopes) visit("slopes", true);
}

Result<TensorTypes> PagedAttention::infer(std::span<const TensorType> inputs) const {
  std::vector<std::string_view> names = {"q"};
  if (has_sinks) names.emplace_back("sinks");
  if (has_spans) names.emplace_back("spans");
  if (has_slopes) names.emplace_back("slopes");
  const std::size_t n = names.size();
  const InputTypes in(kName, inputs, std::move(names));
  GALAGO_CHECK(in.count(n, n));
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
  if (values_in_keys && q.dim(2).bound() < v_dim) {
    return in.mismatch(0, fmt::format("at least {} elements (v_dim) in dim 2", v_dim));
  }
  for (std::size_t i = 1; i < n; ++i) {
    const bool spans = has_spans && i == spans_input();
    GALAGO_CHECK(in.is(i, spans ? DType::kI32 : DType::kF32, 1));
    GALAGO_CHECK(in.dim(i, 0, q.dim(spans ? 0 : 1)));
  }
  return TensorTypes{{DType::kF32, {q.dim(0), q.dim(1), v_dim}}};
}

Status PagedAttention::reference(const ReferenceCall& call) const {
  const TensorView& q = call.inputs[0];
  const std::int64_t heads = q.sizes[1], k_dim = q.sizes[2];
  const Paged spec{kv_heads, static_cast<int>(k_dim), values_in_keys ? 0 : v_dim};
  GALAGO_TRY(const PagedState pages, PagedState::open(kName, call.step, state, spec, q.sizes[0]));
  const Logits logits{has_sinks ? call.inputs[sinks_input()].floats() : nullptr,
                      has_slopes ? call.inputs[slopes_input()].floats() : nullptr};
  VisibleKeys keys;
  std::vector<double> weights;
  std::vector<float> key(static_cast<std::size_t>(k_dim)),
      value_row(static_cast<std::size_t>(std::max<std::int64_t>(k_dim, v_dim)));
  for (std::int64_t row = 0; row < q.sizes[0]; ++row) {
    const std::int32_t position = pages.position(row);
    GALAGO_TRY(const std::int32_t end, end_of_keys(*this, call, pages, row));
    GALAGO_CHECK(find_keys(pages, call.step->sequence[row], position, end, window, &keys));
    for (std::int64_t head = 0; head < heads; ++head) {
      const std::int64_t kv_head = head / (heads / kv_heads);
      const float* query = q.floats() + (row * heads + head) * k_dim;
      weights.resize(keys.pages.size());
      for (std::size_t i = 0; i < weights.size(); ++i) {
        pages.read_key(keys.pages[i], keys.token(i), kv_head, key.data());
        weights[i] = dot(query, key.data(), k_dim);
      }
      weigh(*this, logits, head, keys, position, &weights);
      const auto value = [&](std::size_t i) {
        if (values_in_keys) {
          pages.read_key(keys.pages[i], keys.token(i), kv_head, value_row.data());
        } else {
          pages.read_value(keys.pages[i], keys.token(i), kv_head, value_row.data());
        }
        return value_row.data();
      };
      weighted_sum(weights, value, v_dim, call.outputs[0].floats() + (row * heads + head) * v_dim);
    }
  }
  return {};
}

Tensor paged_attention(const Tensor& q, const PagedAttention& op, const StepView* step, std::span<const Tensor> more) {
  std::vector<Tensor> inputs = {q};
  inputs.insert(inputs.end(), more.begin(), more.end());
  return apply_one(op, inputs, step);
}

}  // namespace galago::ops
