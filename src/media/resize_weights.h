// The weights of Pillow's antialiased filters, in its fixed point.
#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

#include "media/resize.h"

namespace galago::media {

// A weight of 1.0 is 1 << kWeightBits: 8 bits of pixel and 2 bits of headroom for negative lobes leave 22 of 32.
inline constexpr int kWeightBits = 32 - 8 - 2;

// Weights go to 16-bit multipliers as high * 2^kLowBits + low, both signed, so that a product sum of either half over
// any number of taps stays within 32 bits: |low| <= |weight|, and the weights of one pixel sum to about 1.0.
inline constexpr int kLowBits = 15;

// Taps are padded with zero weights to whole vectors.
inline constexpr int kTapBlock = 8;

struct Taps {
  int first;  // input coordinate of the first tap
  int count;
};

struct Weights {
  std::vector<Taps> taps;  // one per output pixel
  int stride = 0;          // weights per output pixel, a multiple of kTapBlock; those past `count` are zero
  std::vector<std::int32_t> fixed;

  // Of all taps of an output: what a plain colour is multiplied by.
  std::int32_t sum(std::size_t output) const { return std::accumulate(of(output), of(output) + taps[output].count, 0); }
  const std::int32_t* of(std::size_t output) const { return fixed.data() + output * static_cast<std::size_t>(stride); }
};

// Weights of the outputs first .. first + count - 1 when `in` pixels become `out`. The filter is not kNearest.
Weights make_weights(Filter filter, int in, int out, int first, int count);

}  // namespace galago::media
