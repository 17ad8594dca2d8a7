// Runs entries without state, such as encoders, and copies all their outputs, with their names and shapes.
#pragma once

#include <string>

#include "runtime/entry_executor.h"

namespace galago::runtime {

class StageRunner : public models::EntryRunner {
 public:
  explicit StageRunner(EntryExecutor& executor) : executor_(executor) {}
  // From now on the output `stage` of a run has these values instead, one run's after the other's.
  void feed(std::string stage, Tensor values) {
    stage_ = std::move(stage);
    values_ = std::move(values);
  }
  Result<std::vector<graph::NamedTensor>> run(std::string_view entry, std::span<const Tensor> inputs) override;

 private:
  Result<Tensor> fed_values(const std::vector<std::int64_t>& sizes);

  EntryExecutor& executor_;
  std::string stage_;
  Tensor values_;
  std::size_t taken_ = 0;
};

}  // namespace galago::runtime
