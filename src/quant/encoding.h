// What the quantizers share: the extremes of a block and rounding to a level. NaN is treated as numpy's reductions do
// (it wins), so that encoders agree with the Python package gguf there too.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace galago::quant {

// The value of largest magnitude, sign kept; the first of equals, or the first NaN.
inline float signed_extreme(const float* values, int count) {
  float extreme = values[0];
  for (int i = 1; i < count && !std::isnan(extreme); ++i) {
    if (!(std::fabs(values[i]) <= std::fabs(extreme))) extreme = values[i];
  }
  return extreme;
}

struct Range {
  float low, high;
};

inline Range range(const float* values, int count) {
  Range range{values[0], values[0]};
  for (int i = 1; i < count && !std::isnan(range.low); ++i) {
    if (!(values[i] >= range.low)) range.low = values[i];
    if (!(values[i] <= range.high)) range.high = values[i];
  }
  return range;
}

// 1 / scale, or 0 for the scale of an all-zero block.
inline float inverse(float scale) { return scale == 0.0f ? 0.0f : 1.0f / scale; }

// The integer part of `value` within [low, high]; NaN gives 0. (The package leaves conversions out of range to the
// CPU.)
inline int clamped_level(float value, int low, int high) {
  if (std::isnan(value)) return 0;
  return static_cast<int>(std::clamp(value, static_cast<float>(low), static_cast<float>(high)));
}

}  // namespace galago::quant
