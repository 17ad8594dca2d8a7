#include "ops/kv_append.h"

#include <array>
#include <span>

#include "base/error.h"
#include "base/try.h"
#include "ops/executor.h"
#include "ops/paged_state.h"

namespace galago::ops {

void KvAppend::fields(FieldVisitor& visit) const { visit("state", state); }

Result<TensorTypes> KvAppend::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"k", "v"});
  GALAGO_CHECK(in.count(1, 2));
  GALAGO_CHECK(in.is(0, DType::kF32, 3));
  if (inputs.size() == 2) {
    GALAGO_CHECK(in.is(1, DType::kF32, 3));
    GALAGO_CHECK(in.dim(1, 0, inputs[0].shape.dim(0)));
    GALAGO_CHECK(in.dim(1, 1, inputs[0].shape.dim(1)));
  }
  if (state < 0) return error(ErrorCode::kInvalidArgument, "{}: state is {}; expected at least 0", kName, state);
  return TensorTypes{};
}

Status KvAppend::reference(const ReferenceCall& call) const {
  const TensorView& k = call.inputs[0];
  const std::int64_t rows = k.sizes[0], heads = k.sizes[1];
  const std::int64_t v_dim = call.inputs.size() > 1 ? call.inputs[1].sizes[2] : 0;
  const Paged spec{static_cast<int>(heads), static_cast<int>(k.sizes[2]), static_cast<int>(v_dim)};
  GALAGO_TRY(const PagedState pages, PagedState::open(kName, call.step, state, spec, rows));
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int32_t position = pages.position(row);
    GALAGO_TRY(std::byte* const page, pages.page(call.step->sequence[row], position));
    for (std::int64_t head = 0; head < heads; ++head) {
      pages.write_key(page, position, head, k.floats() + (row * heads + head) * spec.k_dim);
      if (v_dim == 0) continue;
      pages.write_value(page, position, head, call.inputs[1].floats() + (row * heads + head) * v_dim);
    }
  }
  return {};
}

namespace {

Status append(std::span<const Tensor> inputs, int state, const StepView* step) {
  for (const Tensor& output : apply(KvAppend{state}, inputs, step)) {
    if (!output.ok()) return output.error();
  }
  return {};
}

}  // namespace

Status kv_append(const Tensor& k, const Tensor& v, int state, const StepView* step) {
  return append(std::array{k, v}, state, step);
}

Status kv_append(const Tensor& k, int state, const StepView* step) { return append({&k, 1}, state, step); }

}  // namespace galago::ops
