// Runs entries without state, such as encoders, and copies all they give, with names and shapes, in the order of the
// computation: intermediate stages first, then the entry's outputs.
#pragma once

#include <string>

#include "runtime/entry_executor.h"

namespace galago::verify {

class StageRunner : public models::EntryRunner {
 public:
  // `plain`: the model's programs without intermediate stages.
  StageRunner(runtime::EntryExecutor& executor, const runtime::ProgramSet& plain)
      : executor_(executor), plain_(plain) {}
  // From now on the output `stage` of a run has these values instead, one run's after the other's.
  void feed(std::string stage, Tensor values) {
    stage_ = std::move(stage);
    values_ = std::move(values);
  }
  Result<std::vector<graph::NamedTensor>> run(std::string_view entry,
                                              std::span<const graph::NamedTensor> inputs) override;
  // The outputs of an entry that are no intermediate stages.
  const std::vector<std::string>& plain_outputs(std::string_view entry) const;

 private:
  Result<Tensor> fed_values(const std::vector<std::int64_t>& sizes);

  runtime::EntryExecutor& executor_;
  const runtime::ProgramSet& plain_;
  std::string stage_;
  Tensor values_;
  std::size_t taken_ = 0;
};

}  // namespace galago::verify
