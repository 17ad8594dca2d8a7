#include "verify/stage_runner.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"

namespace galago::verify {
namespace {

// The values that the symbols of the entry's inputs have in these tensors.
Result<std::vector<std::int64_t>> symbol_values(const std::vector<graph::TraceInput>& inputs,
                                                const std::vector<graph::SymbolBound>& symbols,
                                                std::span<const Tensor> tensors, std::string_view entry) {
  SymbolValues values;
  if (tensors.size() != inputs.size()) {
    return error(ErrorCode::kInternal, "{} takes {} inputs, {} were given", entry, inputs.size(), tensors.size());
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!tensors[i].ok()) return tensors[i].error();
    const Shape& shape = inputs[i].type.shape;
    bool fits = tensors[i].dtype() == inputs[i].type.dtype && tensors[i].shape().rank() == shape.rank();
    for (int d = 0; fits && d < shape.rank(); ++d) {
      const std::int64_t size = tensors[i].size(d);
      if (shape.dim(d).is_constant()) {
        fits = size == shape.dim(d).bound();
      } else {
        GALAGO_CHECK(values.bind(shape.dim(d).name(), size));
        fits = size <= shape.dim(d).bound();
      }
    }
    if (!fits) {
      return error(ErrorCode::kInvalidArgument, "{}: \"{}\" is {} where {} is expected", entry, inputs[i].name,
                   tensors[i].type().to_string(), inputs[i].type.to_string());
    }
  }
  std::vector<std::int64_t> numbers;
  for (const graph::SymbolBound& symbol : symbols) numbers.push_back(values.find(symbol.name).value_or(0));
  return numbers;
}

}  // namespace

const std::vector<std::string>& StageRunner::plain_outputs(std::string_view entry) const {
  static const std::vector<std::string> kNone;
  for (const runtime::ProgramSet::Item& item : plain_.items()) {
    if (item.name == entry) return item.output_names;
  }
  return kNone;
}

Result<Tensor> StageRunner::fed_values(const std::vector<std::int64_t>& sizes) {
  std::size_t needed = 1;
  for (const std::int64_t size : sizes) needed *= static_cast<std::size_t>(size);
  const std::span<const float> all = values_.floats();
  if (taken_ + needed > all.size()) {
    return error(ErrorCode::kInvalidArgument, "\"{}\" has the shape {}; {} values for each run are expected", stage_,
                 values_.shape().to_string(), needed);
  }
  Tensor part = Tensor::from(all.subspan(taken_, needed), Shape::of(sizes));
  taken_ += needed;
  return part;
}

Result<std::vector<graph::NamedTensor>> StageRunner::run(std::string_view entry, std::span<const Tensor> inputs) {
  const int number = executor_.find(entry);
  if (number < 0) return error(ErrorCode::kInternal, "the model has no entry \"{}\"", entry);
  GALAGO_TRY(const std::vector<std::int64_t> symbols,
             symbol_values(executor_.inputs(number), executor_.symbols(number), inputs, entry));
  std::vector<const std::byte*> bytes;
  for (const Tensor& input : inputs) bytes.push_back(input.bytes().data());
  GALAGO_CHECK(executor_.run(number, symbols, bytes, nullptr));
  std::vector<graph::NamedTensor> outputs;
  const std::vector<std::string>& names = executor_.output_names(number);
  for (int i = 0; i < static_cast<int>(names.size()); ++i) {
    GALAGO_TRY(const std::vector<std::int64_t> sizes, executor_.output_shape(number, i));
    Tensor tensor = Tensor::from(executor_.output(number, i), Shape::of(sizes));
    if (names[static_cast<std::size_t>(i)] == stage_) {
      GALAGO_TRY(tensor, fed_values(sizes));
    }
    if (!tensor.ok()) return tensor.error();
    outputs.push_back({names[static_cast<std::size_t>(i)], std::move(tensor)});
  }
  const std::vector<std::string>& last = plain_outputs(entry);
  std::stable_partition(outputs.begin(), outputs.end(), [&last](const graph::NamedTensor& output) {
    return std::find(last.begin(), last.end(), output.name) == last.end();
  });
  return outputs;
}

}  // namespace galago::verify
