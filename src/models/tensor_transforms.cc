#include "models/tensor_transforms.h"

#include <numeric>

#include "base/error.h"
#include "base/try.h"
#include "models/row_readers.h"
#include "ops/executor.h"

namespace galago::models::transforms {
namespace {

using Order = std::vector<std::int32_t>;

Result<Tensor> checked(Tensor tensor) {
  if (!tensor.ok()) return tensor.error();
  return tensor;
}

Error unfit(const RuleCall& call, const Tensor& tensor, std::string_view what) {
  return error(ErrorCode::kCorrupt, "{}: the tensor \"{}\" {} cannot be {}, as \"{}\" needs it", call.where,
               tensor.name(), tensor.type().to_string(), what, call.name);
}

Result<Tensor> the_source(std::vector<Tensor> sources, const RuleCall& call) {
  if (sources.size() == 1) return checked(std::move(sources.front()));
  return error(ErrorCode::kInternal, "{}: the rule of \"{}\" gives one transform {} tensors", call.where, call.name,
               sources.size());
}

std::int64_t row_count(const Tensor& tensor) { return tensor.shape().rank() == 0 ? 0 : tensor.size(0); }

// Values as f32, whatever their type and place.
Tensor as_values(const Tensor& tensor) {
  Tensor values = Tensor::zeros(tensor.shape());
  if (!values.ok()) return values;
  const ops::TensorView view = ops::view_of(tensor);
  auto* out = reinterpret_cast<float*>(values.mutable_bytes().data());
  for (std::int64_t row = 0; row < view.rows(); ++row) view.decode_row(row, out + row * view.columns());
  return values.with_name(tensor.name());
}

// The rows in an order; of a vector, its elements.
Result<Tensor> ordered(const Tensor& tensor, Order order) {
  if (tensor.shape().rank() > 1) return checked(tensor.with_rows(std::make_shared<const Order>(std::move(order))));
  const Tensor values = as_values(tensor);
  Tensor out = Tensor::zeros({static_cast<std::int64_t>(order.size())});
  if (!values.ok() || !out.ok()) return values.ok() ? out.error() : values.error();
  auto* to = reinterpret_cast<float*>(out.mutable_bytes().data());
  for (const std::int32_t from : order) *to++ = values.floats()[static_cast<std::size_t>(from)];
  return out.with_name(tensor.name());
}

Result<Tensor> range(const Tensor& tensor, std::int64_t first, std::int64_t count, const RuleCall& call) {
  if (first < 0 || count < 1 || first > row_count(tensor) - count || tensor.is_packed()) {
    return unfit(call, tensor, fmt::format("cut to its rows {} to {}", first, first + count));
  }
  if (tensor.shape().rank() > 1) return checked(tensor.slice(first, count));
  Order order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), static_cast<std::int32_t>(first));
  return ordered(tensor, std::move(order));
}

// The matrices of a stack.
Result<std::vector<Tensor>> each_of(const Tensor& stack, const RuleCall& call) {
  std::vector<Tensor> all;
  if (stack.shape().rank() < 2) return unfit(call, stack, "taken as a stack");
  const std::vector<Dim> dims(stack.shape().dims().begin() + 1, stack.shape().dims().end());
  if (static_cast<std::int64_t>(stack.parts().size()) == stack.size(0) && !stack.row_order()) {
    for (const Tensor& part : stack.parts()) all.push_back(part.with_name(stack.name()));
    if (!all.empty() && all.front().shape() == Shape(dims)) return all;
    all.clear();
  }
  for (std::int64_t i = 0; i < stack.size(0); ++i) {
    GALAGO_TRY(Tensor one, checked(stack.slice(i, 1).with_shape(Shape(dims))));
    all.push_back(std::move(one));
  }
  return all;
}

Result<Tensor> mxfp4_matrix(const Tensor& codes, const Tensor& exponents, const RuleCall& call) {
  const Shape& shape = codes.shape();
  const bool fits = codes.dtype() == DType::kU8 && exponents.dtype() == DType::kU8 && shape.rank() == 3 &&
                    exponents.shape() == Shape({shape.dim(0), shape.dim(1)}) && codes.size(2) == kMxfp4CodeBytes &&
                    !codes.bytes().empty() && !exponents.bytes().empty();
  if (!fits) {
    return error(
        ErrorCode::kCorrupt,
        "{}: \"{}\" {} and \"{}\" {} are no MXFP4 codes (u8, rows, blocks, 16) and exponents (u8, rows, blocks)",
        call.where, codes.name(), codes.type().to_string(), exponents.name(), exponents.type().to_string());
  }
  return checked(mxfp4_rows(codes, exponents).with_name(codes.name()));
}

}  // namespace

Transform in_order(std::vector<Transform> steps) {
  return [steps = std::move(steps)](std::vector<Tensor> sources, const RuleCall& call) -> Result<Tensor> {
    for (const Transform& step : steps) {
      GALAGO_TRY(Tensor made, step(std::move(sources), call));
      sources = {std::move(made)};
    }
    return the_source(std::move(sources), call);
  };
}

Transform stacked() {
  return [](std::vector<Tensor> sources, const RuleCall&) { return checked(Tensor::stacked(std::move(sources))); };
}

Transform concatenated() {
  return [](std::vector<Tensor> sources, const RuleCall& call) -> Result<Tensor> {
    if (sources.empty() || sources.front().shape().rank() > 1) return checked(Tensor::concatenated(std::move(sources)));
    std::vector<float> all;
    for (const Tensor& source : sources) {
      if (source.shape().rank() != 1) return unfit(call, source, "joined with vectors");
      const Tensor values = as_values(source);
      if (!values.ok()) return values.error();
      all.insert(all.end(), values.floats().begin(), values.floats().end());
    }
    return checked(Tensor::from(std::span<const float>(all), {static_cast<std::int64_t>(all.size())}));
  };
}

Transform of_each(Transform step) {
  return [step = std::move(step)](std::vector<Tensor> sources, const RuleCall& call) -> Result<Tensor> {
    std::vector<std::vector<Tensor>> stacks;
    for (const Tensor& source : sources) {
      GALAGO_TRY(stacks.emplace_back(), each_of(source, call));
      if (stacks.back().size() != stacks.front().size()) return unfit(call, source, "taken with as many others");
    }
    std::vector<Tensor> made;
    for (std::size_t i = 0; !stacks.empty() && i < stacks.front().size(); ++i) {
      std::vector<Tensor> ones;
      for (const std::vector<Tensor>& stack : stacks) ones.push_back(stack[i]);
      GALAGO_TRY(made.emplace_back(), step(std::move(ones), call));
    }
    return checked(Tensor::stacked(std::move(made)));
  };
}

Transform piece(std::size_t index, Sizes sizes) {
  return [index, sizes = std::move(sizes)](std::vector<Tensor> sources, const RuleCall& call) -> Result<Tensor> {
    GALAGO_TRY(const Tensor source, the_source(std::move(sources), call));
    GALAGO_TRY(const std::vector<std::int64_t> all, sizes(call));
    const std::int64_t rows = std::accumulate(all.begin(), all.end(), std::int64_t{0});
    if (rows != row_count(source) || index >= all.size()) {
      return error(ErrorCode::kCorrupt, "{}: the tensor \"{}\" has {} rows; the model's configuration asks for {} ({})",
                   call.where, source.name(), row_count(source), rows, fmt::join(all, " + "));
    }
    const auto at = all.begin() + static_cast<std::ptrdiff_t>(index);
    return range(source, std::accumulate(all.begin(), at, std::int64_t{0}), *at, call);
  };
}

Transform equal_piece(std::size_t index, std::size_t count) {
  return [index, count](std::vector<Tensor> sources, const RuleCall& call) -> Result<Tensor> {
    GALAGO_TRY(const Tensor source, the_source(std::move(sources), call));
    const auto pieces = static_cast<std::int64_t>(count);
    if (row_count(source) % pieces != 0) return unfit(call, source, fmt::format("cut into {} equal pieces", count));
    const std::int64_t rows = row_count(source) / pieces;
    return range(source, static_cast<std::int64_t>(index) * rows, rows, call);
  };
}

Transform every(std::int64_t first, std::int64_t step) {
  return [first, step](std::vector<Tensor> sources, const RuleCall& call) -> Result<Tensor> {
    GALAGO_TRY(const Tensor source, the_source(std::move(sources), call));
    const std::int64_t rows = row_count(source);
    if (rows % step != 0 || source.is_packed()) {
      return unfit(call, source, fmt::format("taken in turns of {}", step));
    }
    Order order;
    for (std::int64_t row = first; row < rows; row += step) order.push_back(static_cast<std::int32_t>(row));
    return ordered(source, std::move(order));
  };
}

Transform rope_pairs(std::string heads_key) {
  return [key = std::move(heads_key)](std::vector<Tensor> sources, const RuleCall& call) -> Result<Tensor> {
    GALAGO_TRY(const Tensor source, the_source(std::move(sources), call));
    GALAGO_TRY(const std::int64_t n_heads, get_int(call.config, key, 0, call.where));
    const std::int64_t rows = row_count(source);
    if (n_heads <= 0 || rows % n_heads != 0 || rows / n_heads % 2 != 0 || rows > INT32_MAX) {
      return error(ErrorCode::kCorrupt, "{}: the tensor \"{}\" has {} rows, which are no {} heads of an even size",
                   call.where, source.name(), rows, n_heads);
    }
    const std::int64_t head = rows / n_heads;
    Order order(static_cast<std::size_t>(rows));
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t half = row % head / (head / 2), j = row % (head / 2);
      order[static_cast<std::size_t>(row)] = static_cast<std::int32_t>(row / head * head + 2 * j + half);
    }
    return ordered(source, std::move(order));
  };
}

Transform transposed() {
  return [](std::vector<Tensor> sources, const RuleCall& call) -> Result<Tensor> {
    GALAGO_TRY(const Tensor source, the_source(std::move(sources), call));
    if (source.shape().rank() != 2 || source.bytes().empty() || source.row_order() || is_block_format(source.dtype())) {
      return unfit(call, source, "transposed");
    }
    return checked(transposed_rows(source).with_name(source.name()));
  };
}

Transform mxfp4() {
  return [](std::vector<Tensor> sources, const RuleCall& call) -> Result<Tensor> {
    if (sources.size() != 2) {
      return error(ErrorCode::kInternal, "{}: \"{}\" takes codes and exponents", call.where, call.name);
    }
    if (sources[0].shape().rank() < 4) return mxfp4_matrix(sources[0], sources[1], call);
    const Transform one = [](std::vector<Tensor> of_one, const RuleCall& inner) {
      return mxfp4_matrix(of_one[0], of_one[1], inner);
    };
    return of_each(one)(std::move(sources), call);
  };
}

Transform each_value(std::function<float(float)> f) {
  return [f = std::move(f)](std::vector<Tensor> sources, const RuleCall& call) -> Result<Tensor> {
    GALAGO_TRY(const Tensor source, the_source(std::move(sources), call));
    Tensor values = as_values(source);
    if (!values.ok()) return values.error();
    for (float& value : std::span(reinterpret_cast<float*>(values.mutable_bytes().data()), values.floats().size())) {
      value = f(value);
    }
    return values;
  };
}

Transform with_sizes(Sizes sizes) {
  return [sizes = std::move(sizes)](std::vector<Tensor> sources, const RuleCall& call) -> Result<Tensor> {
    GALAGO_TRY(const Tensor source, the_source(std::move(sources), call));
    GALAGO_TRY(const std::vector<std::int64_t> wanted, sizes(call));
    return checked(source.with_shape(Shape::of(wanted)));
  };
}

}  // namespace galago::models::transforms
