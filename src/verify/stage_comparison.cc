#include "verify/stage_comparison.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/try.h"

namespace galago::verify {
namespace {

// Rounding of (v / 255 - mean) / std in f32, which comes on top of a grey level.
constexpr double kPixelRounding = 1e-4;

using Sizes = std::vector<std::int64_t>;

Sizes sizes_of(const Tensor& tensor) {
  Sizes sizes;
  for (const Dim& dim : tensor.shape().dims()) sizes.push_back(dim.bound());
  return sizes;
}

bool same_but_for_batch(const Sizes& a, const Sizes& b) {
  const Sizes& longer = a.size() >= b.size() ? a : b;
  const Sizes& shorter = a.size() >= b.size() ? b : a;
  if (longer.size() == shorter.size()) return longer == shorter;
  return longer.size() == shorter.size() + 1 && longer[0] == 1 &&
         std::equal(shorter.begin(), shorter.end(), longer.begin() + 1);
}

// How many of the runs the expected shape covers: 1, all of them, or 0 when it fits neither.
std::size_t covered_runs(const std::vector<Tensor>& runs, const Sizes& expected) {
  const Sizes one = sizes_of(runs[0]);
  const bool alike = std::all_of(runs.begin(), runs.end(), [&one](const Tensor& run) { return sizes_of(run) == one; });
  if (same_but_for_batch(one, expected)) return 1;
  if (runs.size() == 1 || !alike) return 0;
  Sizes stacked = one, joined = one;
  stacked.insert(stacked.begin(), static_cast<std::int64_t>(runs.size()));
  if (!joined.empty()) joined[0] *= static_cast<std::int64_t>(runs.size());
  return same_but_for_batch(stacked, expected) || same_but_for_batch(joined, expected) ? runs.size() : 0;
}

template <class T>
std::vector<T> joined(const std::vector<Tensor>& runs, std::size_t count,
                      std::span<const T> (Tensor::*values)() const) {
  std::vector<T> all;
  for (std::size_t i = 0; i < count; ++i) {
    const std::span<const T> part = (runs[i].*values)();
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

StageResult compare_integers(std::string stage, std::span<const std::int32_t> values,
                             std::span<const std::int32_t> expected) {
  std::size_t different = 0;
  std::size_t first = 0;
  for (std::size_t i = expected.size(); i-- > 0;) {
    if (values[i] == expected[i]) continue;
    ++different;
    first = i;
  }
  StageResult result{std::move(stage), static_cast<double>(different), ""};
  if (different > 0) {
    result.problem = fmt::format("{} of {} integers differ, the first at {}: {} where {} is expected", different,
                                 expected.size(), first, values[first], expected[first]);
  }
  return result;
}

}  // namespace

double standard_deviation(std::span<const float> values) {
  double sum = 0, squares = 0;
  for (const float value : values) sum += value;
  const double mean = sum / static_cast<double>(std::max<std::size_t>(values.size(), 1));
  for (const float value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(std::max<std::size_t>(values.size(), 1)));
}

std::optional<double> relative_error(std::span<const float> values, std::span<const float> expected) {
  double largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::abs(static_cast<double>(values[i]) - static_cast<double>(expected[i]));
    if (!std::isfinite(difference)) return std::nullopt;
    largest = std::max(largest, difference);
  }
  // Equal values (a single number, a constant row) have no spread to compare with.
  const double spread = standard_deviation(expected);
  return spread > 0 ? largest / spread : largest;
}

bool StageComparison::wants(const std::string& stage) {
  seen_.push_back(stage);
  if (stage == fed_) results_.clear();
  return stage != fed_ && expected_.find(stage) != nullptr;
}

void StageComparison::add_result(StageResult result) {
  if (wants(result.stage)) results_.push_back(std::move(result));
}

Status StageComparison::add(const std::string& stage, const std::vector<Tensor>& runs) {
  if (!wants(stage)) return {};
  GALAGO_TRY(const Tensor expected, expected_.tensor(stage));
  StageResult result{stage, std::nullopt, ""};
  const std::size_t count = runs.empty() ? 0 : covered_runs(runs, sizes_of(expected));
  if (count == 0) {
    result.problem =
        fmt::format("has the shape {}{} where {} is expected", runs.empty() ? "()" : runs[0].shape().to_string(),
                    runs.size() > 1 ? fmt::format(" in {} runs", runs.size()) : "", expected.shape().to_string());
  } else if (runs[0].dtype() != expected.dtype()) {
    result.problem = fmt::format("holds {} where {} is expected", name(runs[0].dtype()), name(expected.dtype()));
  } else if (expected.dtype() == DType::kI32) {
    result = compare_integers(stage, joined(runs, count, &Tensor::ints), expected.ints());
  } else {
    result.error = relative_error(joined(runs, count, &Tensor::floats), expected.floats());
    if (!result.error) {
      result.problem = "holds values that are not finite";
    } else if (*result.error > tolerance_) {
      result.problem = fmt::format("the error {:.3g} is above {:g}", *result.error, tolerance_);
    }
  }
  results_.push_back(std::move(result));
  return {};
}

Status StageComparison::add_pixels(const std::vector<Tensor>& pictures, const std::vector<float>& levels) {
  const std::size_t before = results_.size();
  GALAGO_CHECK(add("pixel_values", pictures));
  if (results_.size() != before + 1 || !results_.back().error) return {};
  GALAGO_TRY(const Tensor expected, expected_.tensor("pixel_values"));
  const std::size_t channels = levels.size();
  const std::size_t plane =
      static_cast<std::size_t>(pictures[0].size(-2)) * static_cast<std::size_t>(pictures[0].size(-1));
  const std::size_t count = covered_runs(pictures, sizes_of(expected));
  const std::vector<float> values = joined(pictures, count, &Tensor::floats);
  double most = 0;  // in grey levels
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double allowed = levels[i / plane % channels];
    const double rounding = kPixelRounding * std::max(1.0, std::abs(static_cast<double>(expected.floats()[i])));
    const double difference = std::abs(static_cast<double>(values[i]) - static_cast<double>(expected.floats()[i]));
    most = std::max(most, (difference - rounding) / allowed);
  }
  results_.back().problem = most <= 1.0 ? "" : fmt::format("a pixel is {:.3g} grey levels off; 1 is allowed", most);
  return {};
}

void StageComparison::finish(const std::vector<std::string>& known) {
  const auto contains = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const formats::StoredTensor& stage : expected_.stages()) {
    if (contains(seen_, stage.name) || contains(known, stage.name)) continue;
    results_.push_back({stage.name, std::nullopt, "this model does not compute a stage of this name"});
  }
}

const StageResult* StageComparison::find(std::string_view stage) const {
  for (const StageResult& result : results_) {
    if (result.stage == stage) return &result;
  }
  return nullptr;
}

bool StageComparison::passed() const {
  return !results_.empty() && std::all_of(results_.begin(), results_.end(),
                                          [](const StageResult& result) { return result.problem.empty(); });
}

}  // namespace galago::verify
