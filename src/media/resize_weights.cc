#include "media/resize_weights.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace galago::media {
namespace {

double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double bilinear(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

double hamming(double x) {
  x = std::abs(x);
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x *= std::numbers::pi;
  return std::sin(x) / x * (0.54f + 0.46f * std::cos(x));  // Pillow's constants are single precision, and it shows
}

// Keys' cubic convolution with a = -0.5.
double bicubic(double x) {
  constexpr double kA = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((kA + 2.0) * x - (kA + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * kA;
  return 0.0;
}

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) { return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0; }

struct Kernel {
  double (*value)(double);
  double support;  // zero beyond this distance
};

Kernel kernel_of(Filter filter) {
  switch (filter) {
    case Filter::kNearest:
    case Filter::kBox: return {box, 0.5};
    case Filter::kBilinear: return {bilinear, 1.0};
    case Filter::kHamming: return {hamming, 1.0};
    case Filter::kBicubic: return {bicubic, 2.0};
    case Filter::kLanczos: return {lanczos, 3.0};
  }
  return {box, 0.5};
}

// Halves away from zero.
std::int32_t to_fixed(double weight) {
  const double scaled = weight * (1 << kWeightBits);
  return static_cast<std::int32_t>(scaled < 0.0 ? scaled - 0.5 : scaled + 0.5);
}

}  // namespace

// Every operation is in Pillow's order (libImaging/Resample.c, precompute_coeffs): another order would round otherwise.
Weights make_weights(Filter filter, int in, int out, int first, int count) {
  const Kernel kernel = kernel_of(filter);
  const double scale = static_cast<double>(in) / out;
  const double reduction = std::max(scale, 1.0);
  const double support = kernel.support * reduction;
  const int widest = static_cast<int>(std::ceil(support)) * 2 + 1;

  Weights weights;
  weights.stride = (std::min(widest, in) + kTapBlock - 1) / kTapBlock * kTapBlock;
  weights.taps.resize(static_cast<std::size_t>(count));
  weights.fixed.resize(static_cast<std::size_t>(count) * static_cast<std::size_t>(weights.stride));
  std::vector<double> exact(static_cast<std::size_t>(weights.stride));
  for (int i = 0; i < count; ++i) {
    const double center = (first + i + 0.5) * scale;
    const int begin = std::max(static_cast<int>(center - support + 0.5), 0);
    const int end = std::min(static_cast<int>(center + support + 0.5), in);
    const int taps = end - begin;
    double sum = 0.0;
    for (int t = 0; t < taps; ++t) {
      exact[static_cast<std::size_t>(t)] = kernel.value((t + begin - center + 0.5) * (1.0 / reduction));
      sum += exact[static_cast<std::size_t>(t)];
    }
    weights.taps[static_cast<std::size_t>(i)] = {begin, taps};
    std::int32_t* fixed = weights.fixed.data() + static_cast<std::size_t>(i) * static_cast<std::size_t>(weights.stride);
    for (int t = 0; t < taps; ++t) {
      const double weight = exact[static_cast<std::size_t>(t)];
      fixed[t] = to_fixed(sum != 0.0 ? weight / sum : weight);
    }
  }
  return weights;
}

}  // namespace galago::media
