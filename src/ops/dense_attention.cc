#include "ops/dense_attention.h"

#include <fmt/format.h>

#include "base/try.h"
#include "galago/ops.h"
#include "ops/attend.h"
#include "ops/executor.h"

namespace galago::ops {
namespace {

// The keys that query `row` sees.
std::vector<std::int64_t> visible_keys(const ReferenceCall& call, std::int64_t row, bool causal) {
  const bool segmented = call.inputs.size() > 3;
  const std::int64_t n_keys = call.inputs[1].sizes[0];
  std::vector<std::int64_t> keys;
  for (std::int64_t key = 0; key < n_keys && !(causal && key > row); ++key) {
    if (segmented) {
      const std::int32_t segment = call.inputs[4].ints()[key];
      if (segment < 0 || segment != call.inputs[3].ints()[row]) continue;
    }
    keys.push_back(key);
  }
  return keys;
}

}  // namespace

void DenseAttention::fields(FieldVisitor& visit) const {
  visit("scale", scale);
  visit("causal", causal);
}

Result<TensorTypes> DenseAttention::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"q", "k", "v", "query_segment", "key_segment"});
  GALAGO_CHECK(in.count(3, 5));
  if (inputs.size() == 4) return in.mismatch(3, "query_segment and key_segment, or neither");
  for (std::size_t i = 0; i < 3; ++i) GALAGO_CHECK(in.is(i, DType::kF32, 3));
  const Shape& q = inputs[0].shape;
  const Shape& k = inputs[1].shape;
  const Shape& v = inputs[2].shape;
  GALAGO_CHECK(in.dim(1, 2, q.dim(2)));
  GALAGO_CHECK(in.dim(2, 0, k.dim(0)));
  GALAGO_CHECK(in.dim(2, 1, k.dim(1)));
  const Dim& heads = q.dim(1);
  const Dim& kv_heads = k.dim(1);
  if (!heads.is_constant()) return in.mismatch(0, "a constant number of heads in dim 1");
  if (!kv_heads.is_constant() || kv_heads.bound() < 1 || heads.bound() % kv_heads.bound() != 0) {
    return in.mismatch(1, fmt::format("a number of heads in dim 1 that divides q's {}", heads.bound()));
  }
  if (inputs.size() == 5) {
    for (std::size_t i = 3; i < 5; ++i) {
      GALAGO_CHECK(in.is(i, DType::kI32, 1));
      GALAGO_CHECK(in.dim(i, 0, inputs[i - 3].shape.dim(0)));
    }
  }
  return TensorTypes{{DType::kF32, {q.dim(0), heads, v.dim(2)}}};
}

Status DenseAttention::reference(const ReferenceCall& call) const {
  const TensorView& q = call.inputs[0];
  const TensorView& k = call.inputs[1];
  const TensorView& v = call.inputs[2];
  const std::int64_t heads = q.sizes[1], kv_heads = k.sizes[1], k_dim = q.sizes[2], v_dim = v.sizes[2];
  std::vector<double> weights;
  for (std::int64_t row = 0; row < q.sizes[0]; ++row) {
    const std::vector<std::int64_t> keys = visible_keys(call, row, causal);
    weights.resize(keys.size());
    for (std::int64_t head = 0; head < heads; ++head) {
      const std::int64_t kv_head = head / (heads / kv_heads);
      const float* query = q.floats() + (row * heads + head) * k_dim;
      for (std::size_t i = 0; i < keys.size(); ++i) {
        weights[i] = double{scale} * dot(query, k.floats() + (keys[i] * kv_heads + kv_head) * k_dim, k_dim);
      }
      softmax_in_place(weights);
      const auto value = [&](std::size_t i) { return v.floats() + (keys[i] * kv_heads + kv_head) * v_dim; };
      weighted_sum(weights, value, v_dim, call.outputs[0].floats() + (row * heads + head) * v_dim);
    }
  }
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::dense_attention(const Tensor& q, const Tensor& k, const Tensor& v, float scale, bool causal,
                                       const Tensor& query_segment, const Tensor& key_segment) {
  std::vector<Tensor> inputs = {q, k, v};
  if (query_segment.identity() != nullptr) inputs.push_back(query_segment);
  if (key_segment.identity() != nullptr) inputs.push_back(key_segment);
  return ops::apply_one(ops::DenseAttention{scale, causal}, inputs);
}
