#include "ops/moe.h"

#include <algorithm>

#include "base/try.h"
#include "galago/ops.h"
#include "ops/dot.h"
#include "ops/executor.h"

namespace galago::ops {
namespace {

struct Assignment {
  std::int64_t token;
  float weight;
};

float gated_value(const Moe& op, float gate, float up) {
  if (op.limit > 0.0f) {
    gate = std::min(gate, op.limit);
    up = std::clamp(up, -op.limit, op.limit);
  }
  return apply(op.activation, gate) * (up + op.up_offset);
}

// One row of a stacked weight, decoded, and its bias.
class StackedRow {
 public:
  StackedRow(const ReferenceCall& call, std::size_t weight, const float* biases)
      : stack_(call.inputs[weight]), biases_(biases), values_(static_cast<std::size_t>(stack_.columns())) {}
  void read(std::int64_t expert, std::int64_t row) {
    const std::int64_t index = expert * stack_.sizes[1] + row;
    stack_.decode_row(index, values_.data());
    bias_ = biases_ != nullptr ? biases_[index] : 0.0f;
  }
  double times(const float* x) const { return dot(x, values_.data(), stack_.columns()) + bias_; }

 private:
  const TensorView& stack_;
  const float* biases_;
  std::vector<float> values_;
  float bias_ = 0.0f;
};

}  // namespace

void Moe::fields(FieldVisitor& visit) const {
  routing.fields(visit);
  visit("activation", to_string(activation));
  if (limit != 0.0f) visit("limit", limit);
  if (up_offset != 0.0f) visit("up_offset", up_offset);
  if (has_selection_bias) visit("has_selection_bias", has_selection_bias);
  if (has_biases) visit("has_biases", has_biases);
}

Result<TensorTypes> Moe::infer(std::span<const TensorType> inputs) const {
  std::vector<std::string_view> names = {"x", "logits", "gate", "up", "down"};
  if (has_selection_bias) names.push_back("selection_bias");
  if (has_biases) names.insert(names.end(), {"gate_bias", "up_bias", "down_bias"});
  const std::size_t n = names.size();
  const InputTypes in(kName, inputs, std::move(names));
  GALAGO_CHECK(in.count(n, n));
  GALAGO_CHECK(in.is(kX, DType::kF32, 2));
  GALAGO_CHECK(in.is(kLogits, DType::kF32, 2));
  const Dim& tokens = inputs[kX].shape.dim(0);
  const Dim& hidden = inputs[kX].shape.dim(1);
  const Dim& n_experts = inputs[kLogits].shape.dim(1);
  GALAGO_CHECK(in.dim(kLogits, 0, tokens));
  if (!hidden.is_constant()) return in.mismatch(kX, "a constant size in dim 1");
  if (!n_experts.is_constant()) return in.mismatch(kLogits, "a constant number of experts in dim 1");
  GALAGO_CHECK(routing.check(kName, n_experts.bound()));
  GALAGO_CHECK(in.rank(kGate, 3));
  const Dim& intermediate = inputs[kGate].shape.dim(1);
  if (!intermediate.is_constant()) return in.mismatch(kGate, "a constant size in dim 1");
  for (std::size_t i = kGate; i <= kDown; ++i) {
    GALAGO_CHECK(in.rank(i, 3));
    GALAGO_CHECK(in.dim(i, 0, n_experts));
    GALAGO_CHECK(in.dim(i, 1, i == kDown ? hidden : intermediate));
    GALAGO_CHECK(in.dim(i, 2, i == kDown ? intermediate : hidden));
  }
  if (has_selection_bias) {
    GALAGO_CHECK(in.is(kSelectionBias, DType::kF32, 1));
    GALAGO_CHECK(in.dim(kSelectionBias, 0, n_experts));
  }
  for (std::size_t i = gate_bias_input(); has_biases && i < n; ++i) {
    GALAGO_CHECK(in.is(i, DType::kF32, 2));
    GALAGO_CHECK(in.dim(i, 0, n_experts));
    GALAGO_CHECK(in.dim(i, 1, i + 1 == n ? hidden : intermediate));
  }
  return TensorTypes{inputs[kX]};
}

Status Moe::reference(const ReferenceCall& call) const {
  const TensorView& x = call.inputs[kX];
  const TensorView& logits = call.inputs[kLogits];
  const std::int64_t n_tokens = x.rows(), hidden = x.columns(), n_experts = logits.columns();
  const std::int64_t intermediate = call.inputs[kGate].sizes[1];
  const auto per_token = static_cast<std::size_t>(routing.experts_per_token);
  std::vector<std::vector<Assignment>> tokens_of(static_cast<std::size_t>(n_experts));
  std::vector<std::int32_t> experts(per_token);
  std::vector<float> weights(per_token);
  for (std::int64_t token = 0; token < n_tokens; ++token) {
    routing.choose({logits.floats() + token * n_experts, static_cast<std::size_t>(n_experts)},
                   has_selection_bias ? call.inputs[kSelectionBias].floats() : nullptr, experts.data(), weights.data());
    for (std::size_t i = 0; i < per_token; ++i) {
      tokens_of[static_cast<std::size_t>(experts[i])].push_back({token, weights[i]});
    }
  }
  const auto biases = [&](std::size_t i) { return has_biases ? call.inputs[gate_bias_input() + i].floats() : nullptr; };
  StackedRow gate(call, kGate, biases(0)), up(call, kUp, biases(1)), down(call, kDown, biases(2));
  std::vector<double> sums(static_cast<std::size_t>(n_tokens * hidden));
  for (std::int64_t expert = 0; expert < n_experts; ++expert) {
    const std::vector<Assignment>& assigned = tokens_of[static_cast<std::size_t>(expert)];
    if (assigned.empty()) continue;
    std::vector<float> h(assigned.size() * static_cast<std::size_t>(intermediate));
    for (std::int64_t i = 0; i < intermediate; ++i) {
      gate.read(expert, i);
      up.read(expert, i);
      float* out = h.data() + i;
      for (const Assignment& to : assigned) {
        const float* row = x.floats() + to.token * hidden;
        *out = gated_value(*this, static_cast<float>(gate.times(row)), static_cast<float>(up.times(row)));
        out += intermediate;
      }
    }
    for (std::int64_t i = 0; i < hidden; ++i) {
      down.read(expert, i);
      const float* row = h.data();
      for (const Assignment& to : assigned) {
        sums[static_cast<std::size_t>(to.token * hidden + i)] += double{to.weight} * down.times(row);
        row += intermediate;
      }
    }
  }
  std::transform(sums.begin(), sums.end(), call.outputs[0].floats(), [](double v) { return static_cast<float>(v); });
  return {};
}

Tensor moe(const Tensor& x, const Tensor& logits, const Tensor& gate, const Tensor& up, const Tensor& down,
           const Moe& op, std::span<const Tensor> more) {
  std::vector<Tensor> inputs = {x, logits, gate, up, down};
  inputs.insert(inputs.end(), more.begin(), more.end());
  return apply_one(op, inputs);
}

}  // namespace galago::ops

galago::Tensor galago::moe(const Tensor& x, const Tensor& logits, const Tensor& gate, const Tensor& up,
                           const Tensor& down, int experts_per_token, bool normalize) {
  const ops::Moe op{.routing = {.experts_per_token = experts_per_token, .normalize = normalize}};
  return ops::moe(x, logits, gate, up, down, op);
}
