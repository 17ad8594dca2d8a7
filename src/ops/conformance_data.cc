// What the conformance cases are made of: weights of any element type, and steps with filled states.
#include <algorithm>
#include <cmath>
#include <random>

#include "base/error.h"
#include "ops/conformance_cases.h"
#include "ops/kv_codec.h"
#include "quant/codec.h"

namespace galago::ops {
namespace {

// Random bytes that decode to finite values, the largest between 1/4 and 8 in magnitude. About one block in ten is
// such, since a random scale has a random exponent; trying again needs no knowledge of where a format keeps its scales.
bool fill_random_block(const quant::Codec& codec, std::span<std::byte> block, std::mt19937_64* generator) {
  constexpr int kTries = 100000;
  std::vector<float> values(static_cast<std::size_t>(info(codec.dtype).block_elements));
  for (int tries = 0; tries < kTries; ++tries) {
    for (std::byte& byte : block) byte = static_cast<std::byte>((*generator)() >> 56);
    codec.decode_row(block.data(), values.data(), static_cast<std::int64_t>(values.size()));
    float largest = 0.0f;
    bool finite = true;
    for (const float value : values) {
      finite = finite && std::isfinite(value);
      largest = std::max(largest, std::fabs(value));
    }
    if (finite && largest >= 0.25f && largest <= 8.0f) return true;
  }
  return false;
}

}  // namespace

double nmse_bound(Tolerance tolerance, Narrowed narrowed) {
  switch (tolerance) {
    case Tolerance::kExact: return 0.0;
    case Tolerance::kFloat: return 1e-7;
    case Tolerance::kWeight: return narrowed.activations ? 5e-4 : 1e-7;
    case Tolerance::kAttention:
      if (narrowed.attention == Narrowed::Attention::kBf16) return 2e-4;
      return narrowed.attention == Narrowed::Attention::kInt12 ? 5e-6 : 1e-7;
  }
  return 0.0;
}

Tensor random_weight(DType dtype, const std::vector<std::int64_t>& shape, std::uint64_t seed) {
  const Tensor values = Tensor::random(Shape::of(shape), seed);
  if (!values.ok() || dtype == DType::kF32) return values;
  Tensor weight = Tensor::zeros(Shape::of(shape), dtype);
  if (!weight.ok()) return weight;
  const quant::Codec& codec = quant::codec(dtype);
  if (codec.encode_row != nullptr) {  // rows are whole blocks, so all of them are one long row
    codec.encode_row(values.floats().data(), weight.mutable_bytes().data(),
                     static_cast<std::int64_t>(values.floats().size()));
    return weight;
  }
  std::mt19937_64 generator(seed);
  const auto block_bytes = static_cast<std::size_t>(info(dtype).block_bytes);
  for (std::span<std::byte> rest = weight.mutable_bytes(); !rest.empty(); rest = rest.subspan(block_bytes)) {
    if (!fill_random_block(codec, rest.first(block_bytes), &generator)) {
      return Tensor::failed(
          error(ErrorCode::kUnsupported, "no random block of {} decodes to values of unit size", name(dtype)));
    }
  }
  return weight;
}

bool writes_state(const AnyOp& op) {
  return std::holds_alternative<KvAppend>(op) || std::holds_alternative<CausalConv1d>(op);
}

std::vector<std::byte> ConformanceStep::initial_state() const {
  if (elements > 0) {
    const Tensor values = Tensor::random({n_pages, elements}, seed);
    return {values.bytes().begin(), values.bytes().end()};
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(n_pages) * page_bytes(spec, type));
  const std::int64_t width = spec.k_dim + spec.v_dim, rows = std::int64_t{n_pages} * spec.heads * kPageTokens;
  const Tensor values = Tensor::random({rows, width}, seed);
  const float* next = values.floats().data();
  std::byte* at = bytes.data();
  for (std::int32_t page = 0; page < n_pages; ++page) {
    for (const int dim : {spec.k_dim, spec.v_dim}) {
      const auto row_bytes = kv_row_bytes(type, static_cast<std::uint64_t>(dim)).value_or(0);
      for (std::int64_t row = 0; row < std::int64_t{spec.heads} * kPageTokens; ++row, at += row_bytes, next += dim) {
        encode_kv_row(type, next, at, dim);
      }
    }
  }
  return bytes;
}

StateView ConformanceStep::state_view(std::vector<std::byte>& bytes) const {
  const std::uint64_t one =
      elements > 0 ? static_cast<std::uint64_t>(elements) * sizeof(float) : page_bytes(spec, type);
  return {bytes.data(), one, type, n_pages};
}

GroupView ConformanceStep::group() const { return {page_table.data(), max_pages, position.data()}; }

StepView ConformanceStep::view(const StateView& state, const GroupView& group) const {
  StepView step;
  step.n_rows = static_cast<std::int32_t>(sequence.size());
  step.n_sequences = static_cast<std::int32_t>(page_table.size()) / std::max(max_pages, 1);
  step.sequence = sequence.data();
  step.position = position.data();
  step.groups = std::span(&group, 1);
  step.states = std::span(&state, 1);
  return step;
}

}  // namespace galago::ops
