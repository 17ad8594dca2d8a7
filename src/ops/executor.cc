#include "ops/executor.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/error.h"
#include "base/try.h"

namespace galago::ops {
namespace {

// Weights, and the table of an Embedding, are decoded row by row, in any order and from any address. All else is read
// as arrays.
bool decodes_rows(const AnyOp& op, std::size_t input) {
  return std::ranges::count(weight_inputs(op), input) > 0 || (input == 1 && std::holds_alternative<Embedding>(op));
}

Error traced_input(const AnyOp& op, std::size_t index, const Tensor& tensor) {
  return error(ErrorCode::kInvalidArgument,
               "{}: input {} is {} of a trace and has no numbers yet; use it inside the function that is traced",
               name(op), index, tensor.type().to_string());
}

Error packed_input(const AnyOp& op, std::size_t index, const Tensor& tensor) {
  return error(
      ErrorCode::kUnsupported,
      "{}: input {} ({}) is packed for programs, so it cannot be computed with op by op; use the model that it "
      "was packed from",
      name(op), index, tensor.name());
}

class ReferenceExecutor : public Executor {
 public:
  std::vector<Tensor> run(const AnyOp& op, std::span<const Tensor> inputs, const StepView* step) override {
    try {
      auto outputs = compute(op, inputs, step);
      if (outputs.ok()) return std::move(outputs).value();
      return {Tensor::failed(std::move(outputs).error())};
    } catch (const std::bad_alloc&) {
      return {Tensor::failed(error(ErrorCode::kOutOfMemory, "{}: no memory", name(op)))};
    }
  }

 private:
  static Result<std::vector<Tensor>> compute(const AnyOp& op, std::span<const Tensor> inputs, const StepView* step) {
    TensorTypes types;
    std::vector<Tensor> arrays;  // own the copies that `views` points into
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].trace() != nullptr) return traced_input(op, i, inputs[i]);
      if (inputs[i].is_packed()) return packed_input(op, i, inputs[i]);
      types.push_back(inputs[i].type());
    }
    GALAGO_TRY(const TensorTypes output_types, infer(op, types));
    std::vector<TensorView> views;
    arrays.reserve(inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      arrays.push_back(decodes_rows(op, i) ? inputs[i] : as_array(inputs[i]));
      if (!arrays.back().ok()) return arrays.back().error();
      views.push_back(view_of(arrays.back()));
    }
    std::vector<Tensor> outputs;
    std::vector<TensorView> output_views;
    for (const TensorType& type : output_types) {
      outputs.push_back(Tensor::zeros(type.shape, type.dtype));
      if (!outputs.back().ok()) return outputs.back().error();
      output_views.push_back(view_of(outputs.back()));
    }
    GALAGO_CHECK(run_reference(op, {views, output_views, step}));
    return outputs;
  }
};

thread_local Executor* t_current = nullptr;

}  // namespace

Executor& reference_executor() {
  static ReferenceExecutor executor;
  return executor;
}

Executor& current_executor() { return t_current != nullptr ? *t_current : reference_executor(); }

ExecutorScope::ExecutorScope(Executor& executor) : previous_(t_current) { t_current = &executor; }
ExecutorScope::~ExecutorScope() { t_current = previous_; }

std::vector<Tensor> apply(const AnyOp& op, std::span<const Tensor> inputs, const StepView* step) {
  for (const Tensor& input : inputs) {
    if (!input.ok()) return {Tensor::failed(input.error())};
  }
  return current_executor().run(op, inputs, step);
}

Tensor apply_one(const AnyOp& op, std::initializer_list<Tensor> inputs, const StepView* step) {
  return apply_one(op, std::span<const Tensor>(inputs.begin(), inputs.size()), step);
}

Tensor apply_one(const AnyOp& op, std::span<const Tensor> inputs, const StepView* step) {
  std::vector<Tensor> outputs = apply(op, inputs, step);
  if (outputs.size() == 1) return std::move(outputs.front());
  return Tensor::failed(error(ErrorCode::kInternal, "{}: {} outputs; expected 1", name(op), outputs.size()));
}

TensorView view_of(const Tensor& tensor) {
  TensorView view;
  view.dtype = tensor.dtype();
  for (const Dim& dim : tensor.shape().dims()) view.sizes.push_back(dim.is_constant() ? dim.bound() : 0);
  view.data = const_cast<std::byte*>(tensor.bytes().data());  // a TensorView's data is never written for inputs
  if (tensor.parts().empty() && !tensor.reader()) {
    view.row_order = tensor.row_order().get();
  } else {
    view.rows_of = &tensor;
  }
  return view;
}

Tensor as_array(const Tensor& tensor) {
  const std::span<const std::byte> bytes = tensor.bytes();
  const bool aligned = reinterpret_cast<std::uintptr_t>(bytes.data()) % sizeof(double) == 0;
  const bool in_one_place = tensor.parts().empty() && !tensor.reader();
  if (aligned && in_one_place && !tensor.row_order()) return tensor;
  Tensor copy = Tensor::zeros(tensor.shape(), tensor.dtype());
  const std::span<std::byte> out = copy.mutable_bytes();
  if (out.empty()) return copy;
  if (!in_one_place) {
    const std::int64_t rows = tensor.shape().max_rows().value_or(0);
    const std::size_t row = out.size() / static_cast<std::size_t>(rows);
    for (std::int64_t i = 0; i < rows; ++i) {
      std::byte* const to = out.data() + static_cast<std::size_t>(i) * row;
      const std::byte* const from = tensor.read_row(i, to);
      if (from != to) std::memcpy(to, from, row);
    }
    return copy;
  }
  const auto count = static_cast<std::size_t>(tensor.shape().rank() == 0 ? 1 : tensor.size(0));
  const std::size_t step = out.size() / count;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t from = tensor.row_order() ? static_cast<std::size_t>((*tensor.row_order())[i]) : i;
    std::memcpy(out.data() + i * step, bytes.data() + from * step, step);
  }
  return copy;
}

}  // namespace galago::ops
