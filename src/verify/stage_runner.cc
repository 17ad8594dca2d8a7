#include "verify/stage_runner.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"
#include "runtime/encoder_runs.h"

namespace galago::verify {

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

Result<std::vector<graph::NamedTensor>> StageRunner::run(std::string_view entry,
                                                         std::span<const graph::NamedTensor> inputs) {
  GALAGO_TRY(const int number, runtime::run_entry(executor_, entry, inputs));
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
