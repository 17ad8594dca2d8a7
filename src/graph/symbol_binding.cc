#include "graph/symbol_binding.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"

namespace galago::graph {
namespace {

// The values from `low` to `high` that a symbol may have; none where low > high.
struct Range {
  std::int64_t low = 0, high = 0;
  bool empty() const { return low > high; }
};

// The first value in [0, bound + 1] of a dim's symbol for which the dim is beyond `size`, or at it unless `beyond`.
// Dims grow with their symbols, or fall where they were multiplied by a negative number.
std::int64_t first_value(const Dim& dim, std::int64_t size, bool beyond) {
  const bool falls = dim.at(dim.symbol_bound()) < dim.at(0);
  std::int64_t low = 0, high = dim.symbol_bound() + 1;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    const std::int64_t found = falls ? -dim.at(middle) : dim.at(middle);
    const std::int64_t wanted = falls ? -size : size;
    if (beyond ? found > wanted : found >= wanted)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

Range values_of(const Dim& dim, std::int64_t size) {
  return {first_value(dim, size, /*beyond=*/false), first_value(dim, size, /*beyond=*/true) - 1};
}

// All sizes of the call, found by input and dim.
class Sizes {
 public:
  Sizes(std::string_view entry, std::span<const TraceInput> inputs, std::span<const std::int64_t> sizes)
      : entry_(entry), inputs_(inputs), sizes_(sizes) {}

  Status check_constants() const {
    std::size_t at = 0;
    for (const TraceInput& input : inputs_) {
      for (const Dim& dim : input.type.shape.dims()) {
        if (at == sizes_.size()) return wrong_count();
        if (dim.is_constant() && dim.bound() != sizes_[at]) return misfit(input);
        ++at;
      }
    }
    if (at != sizes_.size()) return wrong_count();
    return {};
  }

  Result<std::int64_t> value_of(const SymbolBound& symbol) const {
    Range range{0, symbol.bound};
    const TraceInput* told_by = nullptr;
    std::size_t at = 0;
    for (const TraceInput& input : inputs_) {
      for (const Dim& dim : input.type.shape.dims()) {
        const std::int64_t size = sizes_[at++];
        if (dim.is_constant() || dim.name() != symbol.name) continue;
        const Range found = values_of(dim, size);
        if (found.empty()) return misfit(input);
        const Range both{std::max(range.low, found.low), std::min(range.high, found.high)};
        if (both.empty()) return disagree(symbol, told_by == nullptr ? input : *told_by, range, input, found);
        range = both;
        told_by = &input;
      }
    }
    if (range.low == range.high) return range.low;
    return error(ErrorCode::kInvalidArgument, "{}: the sizes of its inputs do not tell \"{}\", which may be {} to {}",
                 entry_, symbol.name, range.low, range.high);
  }

 private:
  Error wrong_count() const {
    std::size_t expected = 0;
    for (const TraceInput& input : inputs_) expected += static_cast<std::size_t>(input.type.shape.rank());
    return error(ErrorCode::kInternal, "{}: {} sizes of inputs were given; expected {}", entry_, sizes_.size(),
                 expected);
  }

  Error misfit(const TraceInput& input) const {
    std::size_t at = 0;
    for (const TraceInput* before = inputs_.data(); before != &input; ++before) {
      at += static_cast<std::size_t>(before->type.shape.rank());
    }
    const auto sizes = sizes_.subspan(at, static_cast<std::size_t>(input.type.shape.rank()));
    return error(ErrorCode::kInvalidArgument, "{}: the input \"{}\" is {}; {} is expected, {} at most", entry_,
                 input.name, Shape::of({sizes.begin(), sizes.end()}).to_string(), input.type.shape.to_string(),
                 bounds_of(input.type.shape));
  }

  static std::string bounds_of(const Shape& shape) {
    std::vector<std::int64_t> bounds;
    for (const Dim& dim : shape.dims()) bounds.push_back(dim.bound());
    return Shape::of(bounds).to_string();
  }

  static std::string text_of(const Range& range) {
    return range.low == range.high ? fmt::format("{}", range.low) : fmt::format("{} to {}", range.low, range.high);
  }

  Error disagree(const SymbolBound& symbol, const TraceInput& first, const Range& told, const TraceInput& second,
                 const Range& found) const {
    return error(ErrorCode::kInvalidArgument, "{}: \"{}\" is {} by the input \"{}\" and {} by \"{}\"", entry_,
                 symbol.name, text_of(told), first.name, text_of(found), second.name);
  }

  std::string_view entry_;
  std::span<const TraceInput> inputs_;
  std::span<const std::int64_t> sizes_;
};

}  // namespace

Status bind_symbols(std::string_view entry, std::span<const TraceInput> inputs, std::span<const SymbolBound> symbols,
                    std::span<const std::int64_t> sizes, std::span<std::int64_t> values) {
  const Sizes given(entry, inputs, sizes);
  GALAGO_CHECK(given.check_constants());
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    GALAGO_TRY(values[i], given.value_of(symbols[i]));
  }
  return {};
}

Result<std::vector<std::int64_t>> bind_symbols(std::string_view entry, std::span<const TraceInput> inputs,
                                               std::span<const Tensor> tensors) {
  if (tensors.size() != inputs.size()) {
    return error(ErrorCode::kInvalidArgument, "{}: {} inputs were given; expected {}", entry, tensors.size(),
                 inputs.size());
  }
  std::vector<TensorType> types;
  std::vector<std::int64_t> sizes;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& tensor = tensors[i];
    const TensorType& expected = inputs[i].type;
    if (!tensor.ok()) return tensor.error();
    if (tensor.dtype() != expected.dtype || tensor.shape().rank() != expected.shape.rank()) {
      return error(ErrorCode::kInvalidArgument, "{}: the input \"{}\" is {}; {} is expected", entry, inputs[i].name,
                   tensor.type().to_string(), expected.to_string());
    }
    types.push_back(expected);
    for (int d = 0; d < tensor.shape().rank(); ++d) sizes.push_back(tensor.size(d));
  }
  const std::vector<SymbolBound> found = symbols(types);
  std::vector<std::int64_t> values(found.size());
  GALAGO_CHECK(bind_symbols(entry, inputs, found, sizes, values));
  return values;
}

}  // namespace galago::graph
