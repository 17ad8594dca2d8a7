// What one query sees: the softmax of its scores against a list of keys, and the mean of their values by it. Sums in
// double over all keys at once, so that the result does not depend on how they were cut into blocks.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "ops/dot.h"

namespace galago::ops {

// Turns scores into weights that sum to 1.
inline void softmax_in_place(std::vector<double>& scores) {
  if (scores.empty()) return;
  const double max = *std::max_element(scores.begin(), scores.end());
  double sum = 0.0;
  for (double& score : scores) {
    score = std::exp(score - max);
    sum += score;
  }
  for (double& score : scores) score /= sum;
}

// out = sum of weights[i] * value(i), each of `dim` floats; zeros where there are no weights.
template <class Value>
void weighted_sum(const std::vector<double>& weights, Value value, std::int64_t dim, float* out) {
  std::vector<double> sums(static_cast<std::size_t>(dim), 0.0);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const float* row = value(i);
    for (std::size_t d = 0; d < sums.size(); ++d) sums[d] += weights[i] * double{row[d]};
  }
  for (std::size_t d = 0; d < sums.size(); ++d) out[d] = static_cast<float>(sums[d]);
}

}  // namespace galago::ops
