// Compares what a model computes with what the original implementation did, stage by stage.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "verify/expected.h"

namespace galago::verify {

struct StageResult {
  std::string stage;
  // max|d| / std(expected); of integers, how many differ; nothing when shapes differ or something is not finite.
  std::optional<double> error;
  std::string problem;  // what is out of bounds; empty when nothing is
};

class StageComparison {
 public:
  // Stages that the file does not hold are not compared. `fed`: the stage that is taken from the file.
  StageComparison(const Expected& expected, double tolerance, std::string fed)
      : expected_(expected), tolerance_(tolerance), fed_(std::move(fed)) {}

  // Compares a stage in the order of the computation. Shapes may differ by a leading dim of 1. A stage of a module that
  // ran several times is given once for each run; the file holds the first, or all of them.
  Status add(const std::string& stage, const std::vector<Tensor>& runs);
  Status add(const std::string& stage, const Tensor& tensor) { return add(stage, std::vector<Tensor>{tensor}); }
  // Pixels may be off by one grey level, whose height in each channel is `levels`.
  Status add_pixels(const std::vector<Tensor>& pictures, const std::vector<float>& levels);
  // An outcome that somebody else decided.
  void add_result(StageResult result);

  // Reports the stages of the file that nothing computed. `known` needs no computation.
  void finish(const std::vector<std::string>& known);

  const std::vector<StageResult>& results() const { return results_; }
  const StageResult* find(std::string_view stage) const;
  bool passed() const;

 private:
  // Whether the stage is to be compared. What lies before a stage that is fed is forgotten: it made no difference.
  bool wants(const std::string& stage);

  const Expected& expected_;
  double tolerance_;
  std::string fed_;
  std::vector<std::string> seen_;
  std::vector<StageResult> results_;
};

// max|a - expected| / std(expected); nothing where something is not finite.
std::optional<double> relative_error(std::span<const float> values, std::span<const float> expected);
double standard_deviation(std::span<const float> values);

}  // namespace galago::verify
