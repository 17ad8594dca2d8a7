#include "runtime/encoder_runs.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"
#include "graph/symbol_binding.h"

namespace galago::runtime {
namespace {

template <class Named>
std::string names_of(std::span<const Named> all) {
  std::string names;
  for (const Named& each : all) names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", each.name);
  return names.empty() ? "none" : names;
}

// The tensors in the order in which the entry declares them.
Result<std::vector<Tensor>> in_order(std::string_view entry, const std::vector<graph::TraceInput>& declared,
                                     std::span<const graph::NamedTensor> given) {
  const auto named = [](std::string_view name) { return [name](const auto& each) { return each.name == name; }; };
  std::vector<Tensor> tensors;
  for (const graph::TraceInput& input : declared) {
    const auto found = std::find_if(given.begin(), given.end(), named(input.name));
    if (found == given.end()) {
      return error(ErrorCode::kInvalidArgument, "{}: the input \"{}\" is missing; given were: {}", entry, input.name,
                   names_of(given));
    }
    tensors.push_back(found->tensor);
  }
  for (const graph::NamedTensor& each : given) {
    if (std::any_of(declared.begin(), declared.end(), named(each.name))) continue;
    return error(ErrorCode::kInvalidArgument, "{}: there is no input \"{}\"; there are: {}", entry, each.name,
                 names_of(std::span<const graph::TraceInput>(declared)));
  }
  return tensors;
}

}  // namespace

Result<int> run_entry(EntryExecutor& executor, std::string_view entry, std::span<const graph::NamedTensor> inputs) {
  const int number = executor.find(entry);
  if (number < 0) return error(ErrorCode::kInternal, "the model has no entry \"{}\"", entry);
  GALAGO_TRY(const std::vector<Tensor> tensors, in_order(entry, executor.inputs(number), inputs));
  GALAGO_TRY(const std::vector<std::int64_t> symbols, graph::bind_symbols(entry, executor.inputs(number), tensors));
  std::vector<const std::byte*> bytes;
  for (const Tensor& tensor : tensors) bytes.push_back(tensor.bytes().data());
  GALAGO_CHECK(executor.run(number, symbols, bytes, nullptr));
  return number;
}

Result<EncodedRows> encode(EntryExecutor& executor, const models::EncoderRun& run) {
  GALAGO_TRY(const int entry, run_entry(executor, run.entry, run.inputs));
  EncodedRows encoded;
  const std::vector<std::string>& names = executor.output_names(entry);
  for (int i = 0; i < static_cast<int>(names.size()); ++i) {
    const std::string& name = names[static_cast<std::size_t>(i)];
    GALAGO_TRY(const std::vector<std::int64_t> sizes, executor.output_shape(entry, i));
    const bool fits = !sizes.empty() && sizes[0] == run.rows;
    if (i == 0 && !fits) {
      return error(ErrorCode::kInternal, "{}: \"{}\" is {}; the prompt has places for {} rows", run.entry, name,
                   Shape::of(sizes).to_string(), run.rows);
    }
    const std::span<const float> rows = executor.output(entry, i);
    if (i == 0) encoded.rows.assign(rows.begin(), rows.end());
    if (i > 0 && fits) encoded.further.push_back({name, {rows.begin(), rows.end()}});
  }
  return encoded;
}

}  // namespace galago::runtime
